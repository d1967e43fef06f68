/** What one admitted call may do to the world: the flow's effects, made of the spool, the providers and the client. */
import type { IncomingHttpHeaders } from 'node:http';
import { guessInputTokens } from '../../decide/estimate.ts';
import { keysIn } from '../../decide/identify.ts';
import { afterFault } from '../../decide/retry.ts';
import { scrubber, type Scrub } from '../../decide/scrub.ts';
import { startNames, toldBy, type Cut } from '../../decide/told.ts';
import { traceparentFor } from '../../decide/trace-context.ts';
import type { Effects, Story } from '../../flow/effects.ts';
import { noMoney, plus } from '../../model/money.ts';
import type { CallFacts } from '../../model/settlement.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import type { Prepared } from '../../providers/prepare.ts';
import { spanId } from '../ids.ts';
import {
  attemptJson,
  intentJson,
  wholeJson,
  type Further,
  type Intent,
  type Progress,
} from '../ledger/intent.ts';
import type { Runtime } from '../runtime.ts';
import { openAttempt } from '../upstream/attempt.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Admitted } from './admission.ts';
import { header, type Arrival } from './arrival.ts';
import type { Client } from './client.ts';
import { errorOfFault } from './errors.ts';
import type { Gate } from './gate.ts';
import { replyHeaders } from './reply-headers.ts';

export interface CallWorld {
  readonly gate: Gate;
  readonly runtime: Runtime;
  readonly arrival: Arrival;
  readonly facts: CallFacts;
  readonly admitted: Admitted;
  readonly bodyBytes: number;
  /** Asked only when a provider never told its usage. */
  inputTokens(): number;
  readonly client: Client;
  readonly headers: IncomingHttpHeaders;
  /** For each target, in their order. */
  readonly prepared: readonly Prepared[];
  /** As `Effects.settle`. */
  settle(story: Story): Promise<boolean>;
}

const upstreamHeaders = (
  world: CallWorld,
  upstream: Upstream,
  attemptSpanId: string,
  own: Readonly<Record<string, string>>,
) => {
  const { admitted, headers, facts, runtime } = world;
  const sent: Record<string, string> = {
    accept: admitted.ask.stream ? 'text/event-stream' : 'application/json',
    // Without it a server may send any: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
    'accept-encoding': 'identity',
    ...own,
  };
  for (const name of upstream.provider.forwardedHeaders) {
    const value = header(headers, name);
    if (value !== undefined) sent[name] = value;
  }
  if (runtime.config.telemetry.propagate) {
    sent['traceparent'] = traceparentFor(facts.trace.traceId, attemptSpanId);
    if (facts.trace.traceState !== null) sent['tracestate'] = facts.trace.traceState;
  }
  return sent;
};

/** Sleeps, or returns early when the client hangs up or the gateway stops. */
const pauseUnlessGone = (client: Client, ms: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = [client.onGone(resolve), client.onStopped(resolve)];
  return promise.finally(() => {
    clearTimeout(timer);
    for (const one of stop) one();
  });
};

/** The effects of one call. */
export const effectsOf = (world: CallWorld): Effects => {
  const { gate, runtime, arrival, facts, admitted, client, prepared } = world;
  const { ask, targets } = admitted;
  const elapsedMs = (): number => Math.round(performance.now() - arrival.startedMs);
  let inputTokens: number | null = null;
  let intended = false;
  /** Of attempts that are over. */
  let spent = noMoney;
  let providerMs = 0;
  /** Made when a provider first has something to say of an error. */
  let withoutKey: Scrub | null = null;
  const clean: Scrub = (text) => {
    withoutKey ??= scrubber(keysIn(world.headers));
    return withoutKey(runtime.clean(text));
  };

  return {
    targets,
    hungUp: () => client.gone(),
    async intend(target, previous) {
      const upstream = runtime.upstream(target.provider);
      const next: Further['next'] = {
        target,
        account: upstream.account,
        system: upstream.provider.system,
      };
      let written = true;
      if (!intended) {
        intended = true;
        const intent: Intent = {
          call: facts,
          ...next,
          estimatedInputTokens: guessInputTokens(world.bodyBytes),
        };
        written = await gate.spool.intend(facts.id, intentJson(intent));
      } else if (previous !== null) {
        const further = `{"previous":${attemptJson(previous)},"next":${JSON.stringify(next)}}`;
        written = await gate.spool.further(facts.id, further);
      }
      return written ? null : 'ledger_full';
    },
    async open(target) {
      const upstream = runtime.upstream(target.provider);
      const addressed = upstream.address(facts.operation);
      const what = prepared[targets.indexOf(target)];
      if (addressed === null || what === undefined)
        throw new Error(`target ${target.provider} was not prepared`);
      const attemptSpanId = spanId();
      const labels = { provider: target.provider };
      const cut = (what: Cut): void => gate.store.add('providerCuts', { ...labels, what }, 1);
      // No provider is told the client's key; only an error may quote it, out of the prompt.
      const told = toldBy(runtime.clean, cut);
      gate.store.move('inflight', labels, 1);
      const opened = await openAttempt({
        upstream,
        target,
        prepared: what,
        path: addressed.path,
        headers: upstreamHeaders(world, upstream, attemptSpanId, addressed.headers),
        spanId: attemptSpanId,
        stream: ask.stream,
        client,
        limits: runtime.config.limits,
        prices: runtime.prices,
        asked: ask.dimensions,
        callStartedAtMs: facts.startedAtMs,
        callStartedMs: arrival.startedMs,
        inputTokens: () => (inputTokens ??= world.inputTokens()),
        replyHeaders: (reply) =>
          replyHeaders(world, {
            target,
            upstream,
            dropped: what.dropped,
            told,
            reply,
            spent,
            providerMs,
          }),
        onSent: () => gate.spool.sent(facts.id),
        onProgress(meter) {
          const progress: Progress = {
            elapsedMs: elapsedMs(),
            outputTokens: meter.outputSoFar(),
            said: meter.said(),
          };
          gate.spool.progress(facts.id, JSON.stringify(progress));
        },
        keepWhole: (attempt) =>
          gate.spool.durableProgress(facts.id, wholeJson(elapsedMs(), attempt)),
        onStream: (open) => gate.store.move('openStreams', labels, open ? 1 : -1),
        onOver: () => gate.store.move('inflight', labels, -1),
        failed: (fault) =>
          Buffer.from(dialects[facts.dialect].streamError(errorOfFault(fault, facts.dialect))),
        told: toldBy(clean, cut),
        name: startNames(told),
      });
      if (opened.kind !== 'begun') {
        spent = plus(spent, opened.attempt.charge.total);
        providerMs += opened.attempt.durationMs;
      }
      return opened;
    },
    next: (fault, tries) => afterFault(fault, tries, runtime.config.retry, Math.random()),
    settle: (story) => world.settle(story),
    pause: (ms) => pauseUnlessGone(client, ms),
  };
};
