/** The data plane's one handler: arrival -> admission -> the story -> reply -> settlement. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { errors, type ErrorCode } from '../../contract/errors.ts';
import { afterFault } from '../../decide/retry.ts';
import { estimateInputTokens, guessInputTokens } from '../../decide/estimate.ts';
import { traceparentFor } from '../../decide/trace-context.ts';
import { call, type Story } from '../../flow/call.ts';
import type { Effects, Opened } from '../../flow/effects.ts';
import type { CallError, Caller, Target } from '../../model/call.ts';
import { noMoney, plus, toPicodollars, usdText } from '../../model/money.ts';
import type { Attempt, CallFacts, Settlement } from '../../model/settlement.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { prepare, type Prepared } from '../../providers/prepare.ts';
import { spanId } from '../ids.ts';
import { attemptJson, type Further, type Intent, type Progress } from '../ledger/intent.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Runtime } from '../runtime.ts';
import type { MetricStore } from '../telemetry/store.ts';
import { openAttempt } from '../upstream/attempt.ts';
import { admit, type Admitted } from './admission.ts';
import { factsOf, header, nobody, type Arrival } from './arrival.ts';
import type { Client } from './client.ts';
import { errorOf, errorOfFault, plainMessages, rendered } from './errors.ts';

/** What the handler works with; the runtime may be swapped between two calls. */
export interface Gate {
  runtime(): Runtime;
  readonly ledger: Ledger;
  readonly store: MetricStore;
  readonly log: Logger;
  /** Projects a settlement to ledger, metrics, spans and log. */
  settle(settlement: Settlement): void;
}

const never = new Set(['content-length', 'connection', 'transfer-encoding']);

/** Headers every reply carries. */
const ownHeaders = (arrival: Arrival): Record<string, string> => ({
  'x-tollgate-call-id': arrival.id,
  'x-tollgate-trace-id': arrival.trace.traceId,
});

const settledWith = (
  arrival: Arrival,
  facts: CallFacts,
  story: Story,
  error: CallError | null,
  priceVersion: string,
): Settlement => {
  const { attempts } = story;
  const served = attempts.at(-1);
  const streamed = facts.ask?.stream === true;
  return {
    call: facts,
    outcome: story.outcome,
    httpStatus:
      error?.status ?? (story.outcome === 'abandoned' ? errors.client_closed.status : 200),
    errorCode: error?.code ?? (story.outcome === 'abandoned' ? 'client_closed' : ''),
    errorOrigin: error?.origin ?? (story.outcome === 'abandoned' ? 'client' : ''),
    errorMessage: error?.message ?? '',
    attempts,
    durationMs: performance.now() - arrival.startedMs,
    firstTokenMs:
      streamed && served !== undefined && served.firstTokenMs !== null
        ? served.offsetMs + served.firstTokenMs
        : null,
    providerMs: attempts.reduce((total, { durationMs }) => total + durationMs, 0),
    streamOutcome: story.streamOutcome,
    cacheStatus: 'off',
    priceVersion,
  };
};

const noStory = (code: ErrorCode): Story => ({
  outcome: errors[code].outcome,
  attempts: [],
  fault: null,
  refusal: code,
  streamOutcome: '',
});

/** Answers with an error unless the reply has begun. */
const reply = async (
  client: Client,
  arrival: Arrival,
  error: CallError,
  extra: Readonly<Record<string, string>> = {},
): Promise<void> => {
  if (client.gone() || client.begun()) return;
  const { headers, body } = rendered(error, arrival.dialect);
  client.begin(error.status, { ...ownHeaders(arrival), ...extra, ...headers });
  await client.end(body);
};

/** Refuses a request before it became a call: settled and answered, in this order, so that nothing is lost to a hang-up. */
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
  gate.settle(
    settledWith(arrival, facts, noStory(error.code), error, gate.runtime().prices.version),
  );
  await reply(client, arrival, error);
};

/** The effects of one admitted call. */
const effectsOf = (options: {
  readonly gate: Gate;
  readonly runtime: Runtime;
  readonly arrival: Arrival;
  readonly facts: CallFacts;
  readonly admitted: Admitted;
  readonly client: Client;
  readonly headers: IncomingHttpHeaders;
  readonly prepared: readonly Prepared[];
}): Effects => {
  const { gate, runtime, arrival, facts, admitted, client, headers, prepared } = options;
  const { ask, json, bytes, targets } = admitted;
  const { config, prices } = runtime;
  const { spool } = gate.ledger;
  let inputTokens: number | null = null;
  let spent = noMoney;
  let providerMs = 0;
  let intended = false;

  const booked = (opened: Opened): Opened => {
    if (opened.kind === 'begun') return opened;
    spent = plus(spent, opened.attempt.charge.total);
    providerMs += opened.attempt.durationMs;
    return opened;
  };

  const forwarded = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = header(headers, name);
        return value === undefined || never.has(name) ? [] : [[name, value]];
      }),
    );

  return {
    targets,
    hungUp: () => client.gone(),
    async intend(target, previous) {
      const upstream = runtime.upstream(target.provider);
      const next = { target, account: upstream.account, system: upstream.provider.system };
      if (intended) {
        if (previous === null) return null;
        const further = `{"previous":${attemptJson(previous)},"next":${JSON.stringify(next satisfies Further['next'])}}`;
        return (await spool.further(facts.id, further)) ? null : 'ledger_full';
      }
      intended = true;
      const intent: Intent = {
        call: facts,
        ...next,
        estimatedInputTokens: guessInputTokens(bytes.length),
      };
      return (await spool.intend(facts.id, JSON.stringify(intent))) ? null : 'ledger_full';
    },
    async open(target) {
      const upstream = runtime.upstream(target.provider);
      const addressed = upstream.endpoint.request(facts.operation, upstream.secret());
      const what = prepared[targets.indexOf(target)];
      if (addressed === null || what === undefined)
        throw new Error(`target ${target.provider} was not prepared`);
      const attemptSpanId = spanId();
      const labels = { provider: target.provider };
      gate.store.move('inflight', labels, 1);
      try {
        return booked(
          await openAttempt({
            upstream,
            target,
            prepared: what,
            path: addressed.path,
            headers: {
              accept: ask.stream ? 'text/event-stream' : 'application/json',
              ...addressed.headers,
              ...forwarded(upstream.provider.forwardedHeaders),
              ...(config.telemetry.propagate
                ? { traceparent: traceparentFor(facts.trace.traceId, attemptSpanId) }
                : {}),
            },
            spanId: attemptSpanId,
            stream: ask.stream,
            client,
            prices,
            callStartedAtMs: facts.startedAtMs,
            callStartedMs: arrival.startedMs,
            inputTokens: () => (inputTokens ??= estimateInputTokens(json)),
            replyHeaders: ({ tries, cost, attemptMs }, contentType) => ({
              ...ownHeaders(arrival),
              'content-type':
                contentType === '' || upstream.provider.dialect !== facts.dialect
                  ? ask.stream
                    ? 'text/event-stream; charset=utf-8'
                    : 'application/json'
                  : contentType,
              ...(ask.stream ? { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' } : {}),
              'x-tollgate-provider': target.provider,
              'x-tollgate-model': target.model,
              'x-tollgate-attempts': String(tries),
              'x-tollgate-cache': 'off',
              'x-tollgate-overhead-ms': Math.max(
                0,
                performance.now() - arrival.startedMs - providerMs - attemptMs,
              ).toFixed(2),
              ...(cost === null
                ? {}
                : { 'x-tollgate-cost-usd': usdText(plus(spent, toPicodollars(cost))) }),
            }),
            onProgress(meter) {
              const progress: Progress = {
                elapsedMs: Math.round(performance.now() - arrival.startedMs),
                outputTokens: meter.outputSoFar(),
              };
              spool.progress(facts.id, JSON.stringify(progress));
            },
            onStream: (open) => gate.store.move('openStreams', labels, open ? 1 : -1),
            onOver: () => gate.store.move('inflight', labels, -1),
            failed: (fault) =>
              Buffer.from(dialects[facts.dialect].streamError(errorOfFault(fault))),
          }),
        );
      } catch (error) {
        gate.store.move('inflight', labels, -1);
        throw error;
      }
    },
    next: (fault, tries) => afterFault(fault, tries, config.retry, Math.random()),
    pause: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, ms);
        const stop = client.onGone(done);
        function done(): void {
          clearTimeout(timer);
          stop();
          resolve();
        }
      }),
  };
};

/** Bodies for every target, made before anything is spent: what cannot be said in a target's dialect is refused at once. */
const prepareAll = (
  admitted: Admitted,
  arrival: Arrival,
  runtime: Runtime,
):
  | { readonly kind: 'ok'; readonly prepared: readonly Prepared[] }
  | { readonly kind: 'bad'; readonly error: CallError } => {
  const { ask, json, bytes, targets } = admitted;
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
  const limits = { maxReplyBytes: runtime.config.limits.replyBytes };
  const prepared: Prepared[] = [];
  for (const target of targets) {
    const upstream = runtime.upstream(target.provider);
    if (upstream.endpoint.request(arrival.operation, '') === null) {
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

const errorOfStory = ({ fault, refusal }: Story): CallError | null => {
  if (fault !== null) return errorOfFault(fault);
  if (refusal === null) return null;
  const plain: Partial<Record<ErrorCode, string>> = plainMessages;
  return errorOf({ code: refusal, message: plain[refusal] ?? refusal, param: null });
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
    await refuse({ gate, arrival, client, caller, facts, error: errorOf(admitted.problem) });
    return;
  }
  const made = prepareAll(admitted, arrival, runtime);
  if (made.kind === 'bad') {
    await refuse({ gate, arrival, client, caller, facts, error: made.error });
    return;
  }
  const attempts: Attempt[] = [];
  let story: Story;
  try {
    story = await call(
      admitted.ask.stream,
      effectsOf({
        gate,
        runtime,
        arrival,
        facts,
        admitted,
        client,
        headers,
        prepared: made.prepared,
      }),
      attempts,
    );
  } catch (error) {
    gate.log.error({ call_id: arrival.id, err: error }, 'a bug ended this call');
    story = { ...noStory('internal_error'), attempts };
  }
  const error = errorOfStory(story);
  gate.settle(settledWith(arrival, facts, story, error, runtime.prices.version));
  if (error !== null) {
    const last: Target | undefined = story.attempts.at(-1)?.target;
    await reply(client, arrival, error, {
      'x-tollgate-attempts': String(story.attempts.length),
      ...(last === undefined
        ? {}
        : { 'x-tollgate-provider': last.provider, 'x-tollgate-model': last.model }),
    });
  }
};
