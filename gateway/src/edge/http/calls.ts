/** The data plane's one handler: arrival -> admission -> the story -> settlement -> reply. */
import type { IncomingHttpHeaders } from 'node:http';
import { call, type Story } from '../../flow/call.ts';
import { isLeftToClient, type RetryPolicy } from '../../decide/retry.ts';
import type { Caller, DialectName } from '../../model/call.ts';
import type { CallError } from '../../model/fault.ts';
import type { Attempt, CallFacts } from '../../model/settlement.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { prepare, type Prepared } from '../../providers/prepare.ts';
import type { Runtime } from '../runtime.ts';
import { admit, type Admitted } from './admission.ts';
import { factsOf, nobody, type Arrival } from './arrival.ts';
import type { Client } from './client.ts';
import { effectsOf, ownHeaders } from './effects.ts';
import { errorOf, errorOfFault, plain, rendered } from './errors.ts';
import type { Gate } from './gate.ts';
import { headerText } from './header-text.ts';
import { noStory, settled } from './settlement.ts';

/** Answers with an error unless the reply has begun. */
const reply = async (
  client: Client,
  arrival: Arrival,
  error: CallError,
  more: Readonly<Record<string, string>> = {},
): Promise<void> => {
  if (client.gone() || client.begun()) return;
  const { headers, body } = rendered(error, arrival.dialect);
  client.begin(error.status, {
    ...ownHeaders(arrival),
    ...more,
    ...headers,
  });
  await client.end(body);
};

/** Refuses a request before it reached a provider. Settled first, so that nothing is lost to a hang-up. */
export const refuse = async (options: {
  readonly gate: Gate;
  readonly arrival: Arrival;
  readonly client: Client;
  readonly caller: Caller | null;
  readonly error: CallError;
  readonly facts?: CallFacts;
}): Promise<void> => {
  const { gate, arrival, client, caller, error } = options;
  const facts = options.facts ?? factsOf(arrival, caller, { identity: nobody, ask: null });
  const priceVersion = gate.runtime().prices.version;
  gate.settle(settled(arrival, facts, { story: noStory(error.code), error, priceVersion }));
  await reply(client, arrival, error);
};

type PreparedAll =
  | { readonly kind: 'ok'; readonly prepared: readonly Prepared[] }
  | { readonly kind: 'bad'; readonly error: CallError };

/** Bodies for every target, made before anything is spent: what a target's dialect cannot say is refused at once. */
const prepareAll = (
  { ask, json, bytes, targets }: Admitted,
  arrival: Arrival,
  runtime: Runtime,
): PreparedAll => {
  const request = {
    dialect: dialects[arrival.dialect],
    operation: arrival.operation,
    ask,
    bytes,
    json,
    head: {
      model: ask.model,
      createdSeconds: Math.floor(arrival.startedAtMs / 1000),
      fallbackId: arrival.id,
      wantsStreamUsage: ask.wantsStreamUsage,
    },
  };
  const { replyBytes, eventBytes } = runtime.config.limits;
  const limits = { maxReplyBytes: replyBytes, maxEventBytes: eventBytes };
  const prepared: Prepared[] = [];
  for (const target of targets) {
    const upstream = runtime.upstream(target.provider);
    if (upstream.address(arrival.operation) === null) {
      const message = `The model '${ask.model}' does not do ${arrival.operation}.`;
      return {
        kind: 'bad',
        error: errorOf({ code: 'unsupported_operation', message, param: 'model' }),
      };
    }
    const made = prepare(request, upstream.provider, target.model, limits);
    if (made.kind === 'bad') return { kind: 'bad', error: errorOf(made.problem) };
    prepared.push(made.prepared);
  }
  return { kind: 'ok', prepared };
};

const errorOfStory = ({ fault, refusal }: Story, dialect: DialectName): CallError | null => {
  if (fault !== null) return errorOfFault(fault, dialect);
  return refusal === null ? null : errorOf(plain(refusal));
};

/** What an error says of the tries that came before it. */
const triesHeaders = (
  { attempts, fault }: Story,
  retry: RetryPolicy,
): Readonly<Record<string, string>> => {
  const last = attempts.at(-1);
  if (last === undefined) return {};
  return {
    'x-tollgate-provider': last.target.provider,
    'x-tollgate-model': headerText(last.target.model),
    'x-tollgate-attempts': String(attempts.length),
    // The official SDKs obey it; without it each of their tries is as many of ours.
    ...(fault === null || isLeftToClient(fault, retry) ? {} : { 'x-should-retry': 'false' }),
  };
};

/** One call of a known caller, from its whole body to its settlement. Never throws. */
export const handleCall = async (options: {
  readonly gate: Gate;
  readonly arrival: Arrival;
  readonly caller: Caller;
  readonly client: Client;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}): Promise<void> => {
  const { gate, arrival, caller, client, headers, bytes } = options;
  const runtime = gate.runtime();
  const admitted = admit({ arrival, caller, headers, bytes, runtime });
  const facts = factsOf(arrival, caller, admitted);
  if (admitted.kind === 'refused') {
    return refuse({ gate, arrival, client, caller, facts, error: errorOf(admitted.problem) });
  }
  const made = prepareAll(admitted, arrival, runtime);
  if (made.kind === 'bad')
    return refuse({ gate, arrival, client, caller, facts, error: made.error });

  const leave = runtime.enter();
  const attempts: Attempt[] = [];
  const effects = effectsOf({
    gate,
    runtime,
    arrival,
    facts,
    admitted,
    client,
    headers,
    prepared: made.prepared,
  });
  const story = await call(admitted.ask.stream, effects, attempts).catch(
    (error: unknown): Story => {
      gate.log.error({ call_id: arrival.id, err: error }, 'a bug ended this call');
      return { ...noStory('internal_error'), attempts, refusal: 'internal_error' };
    },
  );
  leave();
  const error = errorOfStory(story, arrival.dialect);
  gate.settle(settled(arrival, facts, { story, error, priceVersion: runtime.prices.version }));
  if (error !== null)
    await reply(client, arrival, error, triesHeaders(story, runtime.config.retry));
};
