/** The data plane's one handler: arrival -> admission -> the story -> settlement -> reply. */
import type { IncomingHttpHeaders } from 'node:http';
import { call } from '../../flow/call.ts';
import type { Story } from '../../flow/effects.ts';
import { isLeftToClient, type RetryPolicy } from '../../decide/retry.ts';
import type { Ask, Caller, DialectName, Problem } from '../../model/call.ts';
import type { CallError } from '../../model/fault.ts';
import type { Attempt, CallFacts, Identity } from '../../model/settlement.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { roadBack, type Prepared } from '../../providers/prepare.ts';
import type { LargeBodies } from '../bodies/large-bodies.ts';
import { readBody, type ReadBody } from '../bodies/read-body.ts';
import type { Runtime } from '../runtime.ts';
import { admit, identityOf, type Admitted } from './admission.ts';
import { factsOf, nobody, type Arrival } from './arrival.ts';
import type { Client } from './client.ts';
import { effectsOf } from './effects.ts';
import { droppedHeader, ownHeaders } from './reply-headers.ts';
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
const prepareAll = async (
  { ask, targets }: Admitted,
  body: ReadBody,
  arrival: Arrival,
  runtime: Runtime,
): Promise<PreparedAll> => {
  const { operation } = arrival;
  const upstreams = targets.map(({ provider }) => runtime.upstream(provider));
  if (upstreams.some((upstream) => upstream.address(operation) === null)) {
    const message = `The model '${ask.model}' does not do ${operation}.`;
    const problem: Problem = { code: 'unsupported_operation', message, param: 'model' };
    return { kind: 'bad', error: errorOf(problem) };
  }
  const written = await body.write(
    targets.map(({ model }, i) => ({ vendor: upstreams[i]?.provider.name ?? '', model })),
  );
  if (written.kind === 'bad') return { kind: 'bad', error: errorOf(written.problem) };
  const request = {
    dialect: dialects[arrival.dialect],
    operation,
    ask,
    head: {
      model: ask.model,
      createdSeconds: Math.floor(arrival.startedAtMs / 1000),
      fallbackId: arrival.id,
      wantsStreamUsage: ask.wantsStreamUsage,
    },
  };
  const { replyBytes, eventBytes } = runtime.config.limits;
  const limits = { maxReplyBytes: replyBytes, maxEventBytes: eventBytes };
  const prepared = upstreams.flatMap(({ provider }, i) => {
    const made = written.bodies[i];
    return made === undefined ? [] : [{ ...made, road: roadBack(request, provider, limits) }];
  });
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
    // The official SDKs obey it; without it each of their tries is as many of ours. Another gateway may still serve them.
    ...(fault === null || fault.kind === 'gateway' || isLeftToClient(fault, retry)
      ? {}
      : { 'x-should-retry': 'false' }),
  };
};

/** What became of a body: a call that may be made, or why not. */
type Ready =
  | {
      readonly kind: 'ready';
      readonly admitted: Admitted;
      readonly prepared: readonly Prepared[];
      inputTokens(): number;
    }
  | { readonly kind: 'refused'; readonly ask: Ask | null; readonly error: CallError };

interface Arrived {
  readonly gate: Gate;
  readonly large: LargeBodies;
  readonly arrival: Arrival;
  readonly caller: Caller;
  readonly bytes: Buffer;
}

/** Reads the body and writes it for every target; what it became when it was read is not held over the call. */
const read = async (
  { large, arrival, caller, bytes }: Arrived,
  identity: Identity,
  runtime: Runtime,
): Promise<Ready> => {
  const { dialect, operation } = arrival;
  const reading = { dialect, operation, limits: runtime.config.limits.json };
  const body = await readBody(caller.keyId, bytes, reading, large);
  if (body.kind === 'bad') return { kind: 'refused', ask: null, error: errorOf(body.problem) };
  try {
    const { ask } = body;
    const admitted = admit({ caller, identity, ask, runtime });
    if (admitted.kind === 'refused')
      return { kind: 'refused', ask: admitted.ask, error: errorOf(admitted.problem) };
    const made = await prepareAll(admitted, body, arrival, runtime);
    if (made.kind === 'bad') return { kind: 'refused', ask, error: made.error };
    const inputTokens = (): number => body.inputTokens();
    return { kind: 'ready', admitted, prepared: made.prepared, inputTokens };
  } finally {
    body.close();
  }
};

/** Accounts for one call with the first story that is told of it; see `Effects.settle`. */
const settlingOnce = ({
  gate,
  runtime,
  arrival,
  facts,
}: {
  readonly gate: Gate;
  readonly runtime: Runtime;
  readonly arrival: Arrival;
  readonly facts: CallFacts;
}) => {
  const priceVersion = runtime.prices.version;
  let isSettled = false;
  return (story: Story): Promise<boolean> => {
    if (isSettled) return Promise.resolve(false);
    isSettled = true;
    const error = errorOfStory(story, arrival.dialect);
    return new Promise((written) => {
      gate.settle(settled(arrival, facts, { story, error, priceVersion }), written);
    });
  };
};

/** One call of a known caller, from its whole body to its settlement. Never throws. */
export const handleCall = async (
  arrived: Arrived & { readonly client: Client; readonly headers: IncomingHttpHeaders },
): Promise<void> => {
  const { gate, arrival, caller, client, headers, bytes } = arrived;
  const runtime = gate.runtime();
  const bodyBytes = bytes.length;
  const who = identityOf(headers, runtime.config.limits.tagsPerCall);
  if (who.kind === 'bad')
    return refuse({ gate, arrival, client, caller, error: errorOf(who.problem) });
  const { identity } = who;
  const found = await read(arrived, identity, runtime);
  if (found.kind === 'refused') {
    const { ask, error } = found;
    const facts = factsOf(arrival, caller, { identity, ask });
    return refuse({ gate, arrival, client, caller, facts, error });
  }
  const { admitted, prepared, inputTokens } = found;
  const facts = factsOf(arrival, caller, admitted);

  const leave = runtime.enter();
  const attempts: Attempt[] = [];
  const settle = settlingOnce({ gate, runtime, arrival, facts });
  const effects = effectsOf({
    gate,
    runtime,
    arrival,
    facts,
    admitted,
    bodyBytes,
    inputTokens,
    client,
    headers,
    prepared,
    settle,
  });
  /** What the last try left out of the request. */
  const droppedBefore = ({ attempts: made }: Story): Readonly<Record<string, string>> => {
    const target = made.at(-1)?.target;
    const sent = target === undefined ? undefined : prepared[admitted.targets.indexOf(target)];
    if (target === undefined || sent === undefined) return {};
    return droppedHeader(headers, runtime.upstream(target.provider), sent.dropped);
  };
  const story = await call(admitted.ask.stream, effects, attempts).catch(
    (error: unknown): Story => {
      gate.log.error({ call_id: arrival.id, err: error }, 'a bug ended this call');
      return { ...noStory('internal_error'), attempts, refusal: 'internal_error' };
    },
  );
  leave();
  void settle(story);
  const error = errorOfStory(story, arrival.dialect);
  if (error !== null)
    await reply(client, arrival, error, {
      ...triesHeaders(story, runtime.config.retry),
      ...droppedBefore(story),
    });
};
