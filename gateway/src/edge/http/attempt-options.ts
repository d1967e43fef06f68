/** What one attempt of a call is given: its request, and where its news go. */
import type { IncomingHttpHeaders } from 'node:http';
import { startNames, toldBy, type Cut } from '../../decide/told.ts';
import type { Scrub } from '../../decide/scrub.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Target } from '../../model/call.ts';
import type { CallFacts } from '../../model/settlement.ts';
import type { Credentials } from '../../providers/provider.ts';
import type { Prepared } from '../../translate/request.ts';
import { spanId } from '../ids.ts';
import type { Progress } from '../ledger/intent.ts';
import type { Runtime } from '../runtime.ts';
import type { AttemptOptions } from '../upstream/attempt-options.ts';
import type { Services } from './services.ts';
import { attemptHeaders } from '../../decide/response-headers.ts';
import { upstreamHeaders } from './upstream-headers.ts';

export interface AttemptOf {
  readonly services: Services;
  readonly runtime: Runtime;
  readonly arrival: Arrival;
  readonly facts: CallFacts;
  readonly headers: IncomingHttpHeaders;
  readonly target: Target;
  readonly prepared: Prepared;
  readonly credentials: Credentials;
  /** Takes all credentials out of a text, the client's own key too: an error may quote it, out of the prompt. */
  readonly clean: Scrub;
  inputTokens(): number;
}

export const attemptOptions = (of: AttemptOf): AttemptOptions => {
  const { services, runtime, arrival, facts, target, prepared } = of;
  const { store, spool } = services;
  const upstream = runtime.upstream(target.provider);
  const labels = { provider: target.provider };
  const stream = facts.parameters?.stream ?? false;
  const cut = (what: Cut): void => store.add('providerCuts', { ...labels, what }, 1);
  // No provider is told the client's key; only an error may quote it.
  const told = toldBy(runtime.clean, cut);
  const attemptSpanId = spanId();
  const addressed = upstream.endpoint.request(
    {
      operation: facts.operation,
      model: target.model,
      stream,
      body: prepared.body,
      nowMs: Date.now(),
    },
    of.credentials,
  );
  return {
    upstream,
    target,
    prepared,
    path: addressed.path,
    headers: upstreamHeaders(addressed.headers, {
      provider: upstream.provider,
      headers: of.headers,
      stream,
      trace: runtime.config.telemetry.propagate ? facts.trace : null,
      spanId: attemptSpanId,
    }),
    spanId: attemptSpanId,
    stream,
    limits: runtime.config.limits,
    prices: runtime.prices,
    asked: facts.parameters?.dimensions ?? {},
    callStartedAtMs: facts.startedAtMs,
    callStartedMs: arrival.startedMs,
    inputTokens: () => of.inputTokens(),
    replyHeaders: (received) =>
      attemptHeaders(received, {
        passes: prepared.passes,
        target,
        forwarded: upstream.provider.forwardedHeaders,
        told,
        headers: of.headers,
        dropped: prepared.dropped,
      }),
    onSent: () => spool.sent(facts.id),
    onProgress(observed) {
      const progress: Progress = {
        elapsedMs: Math.round(performance.now() - arrival.startedMs),
        outputTokens: observed.outputSoFar(),
        said: observed.said(),
      };
      spool.progress(facts.id, JSON.stringify(progress));
    },
    onOver: () => store.move('inflight', labels, -1),
    told: toldBy(of.clean, cut),
    name: startNames(told),
  };
};
