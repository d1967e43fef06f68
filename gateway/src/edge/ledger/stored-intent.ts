/**
 * An intent as the spool has it: a JSON list of its values without their names, half as long, put down byte by byte, for every
 * call waits for it. `tollgate ledger dump` shows the names.
 */
import type { ByteText } from '../../model/byte-text.ts';
import type { Caller, RequestParameters } from '../../model/call.ts';
import type { Intent } from './intent.ts';

type StoredCaller = readonly [
  keyId: string,
  org: string,
  team: string,
  app: string,
  namespace: string,
  environment: string,
  costCenter: string,
  models: Caller['models'],
];

type StoredParameters = readonly [
  model: string,
  stream: boolean,
  wantsStreamUsage: boolean,
  maxTokens: number | null,
  temperature: number | null,
  topP: number | null,
  dimensions: RequestParameters['dimensions'],
];

/** What a later version adds stands at the end. */
export type StoredIntent = readonly [
  id: string,
  traceId: string,
  spanId: string,
  startedAtMs: number,
  operation: Intent['call']['operation'],
  dialect: Intent['call']['dialect'],
  route: string,
  parentSpanId: string | null,
  traceState: string | null,
  agent: string,
  session: string,
  user: string,
  tags: Readonly<Record<string, string>>,
  provider: string,
  model: string,
  account: string,
  genAiProvider: string,
  estimatedInputTokens: number,
  caller: StoredCaller | null,
  parameters: StoredParameters | null,
];

const callerList = (caller: Caller): StoredCaller => [
  caller.keyId,
  caller.org,
  caller.team,
  caller.app,
  caller.namespace,
  caller.environment,
  caller.costCenter,
  caller.models,
];

const parametersList = (parameters: RequestParameters): StoredParameters => [
  parameters.model,
  parameters.stream,
  parameters.wantsStreamUsage,
  parameters.maxTokens,
  parameters.temperature,
  parameters.topP,
  parameters.dimensions,
];

const listOf = ({ call, target, ...rest }: Intent): StoredIntent => {
  const { trace, identity, caller, parameters } = call;
  return [
    call.id,
    trace.traceId,
    trace.spanId,
    call.startedAtMs,
    call.operation,
    call.dialect,
    call.route,
    trace.parentSpanId,
    trace.traceState,
    identity.agent,
    identity.session,
    identity.user,
    identity.tags,
    target.provider,
    target.model,
    rest.account,
    rest.genAiProvider,
    rest.estimatedInputTokens,
    caller === null ? null : callerList(caller),
    parameters === null ? null : parametersList(parameters),
  ];
};

/** Puts an intent down as the JSON of a `StoredIntent`. */
export const putIntent = (out: ByteText, intent: Intent): void => out.json(listOf(intent));

const callerOf = ([
  keyId,
  org,
  team,
  app,
  namespace,
  environment,
  costCenter,
  models,
]: StoredCaller): Caller => ({
  keyId,
  org,
  team,
  app,
  namespace,
  environment,
  costCenter,
  models,
});

const parametersOf = ([
  model,
  stream,
  wantsStreamUsage,
  maxTokens,
  temperature,
  topP,
  dimensions,
]: StoredParameters): RequestParameters => ({
  model,
  stream,
  wantsStreamUsage,
  maxTokens,
  // Of no use to the row.
  choices: 1,
  temperature,
  topP,
  dimensions,
});

/** The intent of which `putIntent` put down these values. */
export const intentFrom = ([
  id,
  traceId,
  spanId,
  startedAtMs,
  operation,
  dialect,
  route,
  parentSpanId,
  traceState,
  agent,
  session,
  user,
  tags,
  provider,
  model,
  account,
  genAiProvider,
  estimatedInputTokens,
  caller,
  parameters,
]: StoredIntent): Intent => ({
  call: {
    id,
    startedAtMs,
    operation,
    dialect,
    caller: caller === null ? null : callerOf(caller),
    trace: { traceId, spanId, parentSpanId, traceState },
    identity: { agent, session, user, tags },
    parameters: parameters === null ? null : parametersOf(parameters),
    route,
  },
  target: { provider, model },
  account,
  genAiProvider,
  estimatedInputTokens,
});
