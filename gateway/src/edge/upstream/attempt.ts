/**
 * One attempt at a provider, over the wire: sends the request, waits for the first content, relays the rest.
 * A reply is held back until its first content is here, so that an earlier death can still go to another target.
 * Every clock, hang-up and fault ends here in a value; nothing is thrown for what a client or provider does.
 */
import type { Dispatcher } from 'undici';
import type { IncomingHttpHeaders } from 'node:http';
import { startMeter, type Meter } from '../../decide/meter.ts';
import { noTokens, type Usage } from '../../model/usage.ts';
import { charge, noCharge, type PriceTable } from '../../decide/price.ts';
import type { Target } from '../../model/call.ts';
import type { Piece } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import type { Attempt } from '../../model/settlement.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import type { Prepared } from '../../providers/prepare.ts';
import type { Road } from '../../providers/road.ts';
import type { Ending, Opened } from '../../flow/effects.ts';
import type { Client } from '../http/client.ts';
import {
  networkFault,
  replyFault,
  retryAfterMs,
  statusFault,
  timeoutFault,
  unendedFault,
} from './faults.ts';
import type { Upstream } from './upstream.ts';

export interface AttemptOptions {
  readonly upstream: Upstream;
  readonly target: Target;
  readonly prepared: Prepared;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly spanId: string;
  readonly stream: boolean;
  readonly client: Client;
  readonly prices: PriceTable;
  /** Wall clock of the call's start, for its price. */
  readonly callStartedAtMs: number;
  /** Monotonic. */
  readonly callStartedMs: number;
  /** Asked only when the provider never told its usage. */
  inputTokens(): number;
  /** Headers of the client's response, once the reply has begun. */
  replyHeaders(
    attempt: { readonly tries: number; readonly cost: bigint | null; readonly attemptMs: number },
    contentType: string,
  ): Readonly<Record<string, string>>;
  /** The first content of a stream is here, or five more seconds of it. */
  onProgress(meter: Meter): void;
  onStream(open: boolean): void;
  /** The attempt has ended, however it did. */
  onOver(): void;
  /** Bytes for a client whose stream failed after it began. */
  failed(fault: Fault): Uint8Array;
}

const maxErrorBytes = 64 * 1024;
const progressMs = 5_000;
/** Held before the first content; a provider that sends more preamble than this is broken. */
const maxHeldBytes = 1024 * 1024;

const noUsage: Usage = { tokens: noTokens, units: {}, clamped: false, serviceTier: null };

const headerText = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** What the state machine is doing: each event means something else in each. */
type Phase = 'waiting' | 'refused' | 'holding' | 'relaying' | 'over';

/** Sends the request. Resolves when it is known whether there is something to relay. */
export const openAttempt = (options: AttemptOptions): Promise<Opened> => {
  const { upstream, target, client, prepared, stream, prices } = options;
  const startedMs = performance.now();
  const { timeouts } = upstream;
  const meter = startMeter();
  let phase: Phase = 'waiting';
  let status = 0;
  let contentType = '';
  let waitMs: number | null = null;
  let road: Road | null = null;
  let errorBody = '';
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  /** The upstream body is complete; set while the relay has not been asked for yet. */
  let wholeAlready = false;
  let endedMs = 0;
  let controller: Dispatcher.DispatchController | null = null;
  let aborted = false;
  let lastProgressMs = -Infinity;
  /** Ended between being offered and being asked to relay. */
  let early: Ending | null = null;
  let answered: Attempt | null = null;
  let finishRelay: ((ending: Ending) => void) | null = null;
  let stopListening = (): void => {};

  const abort = (): void => {
    aborted = true;
    controller?.abort(new Error('no longer wanted'));
  };

  const account = (fault: Fault | null): Attempt => {
    const reading = meter.reading();
    const chargeable = fault === null || fault.mayBeBilled || reading.firstContentMs !== null;
    const { usage, source } = chargeable
      ? meter.usage(options.inputTokens)
      : { usage: noUsage, source: 'none' as const };
    const modelAnswered = reading.model === '' ? target.model : reading.model;
    const price =
      prices.find(target.provider, modelAnswered, options.callStartedAtMs) ??
      prices.find(target.provider, target.model, options.callStartedAtMs);
    return {
      target,
      system: upstream.provider.system,
      account: upstream.account,
      region: upstream.region,
      serverAddress: upstream.serverAddress,
      serverPort: upstream.serverPort,
      spanId: options.spanId,
      status,
      error: fault?.kind ?? '',
      errorMessage: fault?.message ?? '',
      offsetMs: startedMs - options.callStartedMs,
      durationMs: endedMs - startedMs,
      firstTokenMs: reading.firstContentMs === null ? null : reading.firstContentMs - startedMs,
      modelAnswered,
      upstreamId: reading.upstreamId,
      finishReason: reading.finishReason,
      usage,
      usageSource: source,
      charge: source === 'none' ? noCharge : charge(usage, price),
      wasteReason: '',
      chunks: reading.chunks,
      maxGapMs: reading.maxGapMs,
    };
  };

  return new Promise((resolve) => {
    const over = (): void => {
      phase = 'over';
      endedMs = performance.now();
      clearTimeout(clock);
      stopListening();
      options.onOver();
    };

    const fail = (fault: Fault): void => {
      if (phase === 'over') return;
      const ending: Ending = { kind: 'fault', fault };
      const wasHolding = phase === 'holding';
      over();
      abort();
      if (finishRelay !== null) finishRelay(ending);
      else if (wasHolding) early = ending;
      else resolve({ kind: 'failed', fault, attempt: account(fault) });
    };

    const hungUp = (): void => {
      if (phase === 'over') return;
      const wasHolding = phase === 'holding';
      over();
      abort();
      if (finishRelay !== null) finishRelay({ kind: 'hung_up' });
      else if (wasHolding) early = { kind: 'hung_up' };
      else resolve({ kind: 'abandoned', attempt: account(abandonment) });
    };

    const begun = (): boolean => meter.begun();

    /** Only a reply that has reached the point of no return may be relayed. */
    const offer = (): void => {
      phase = 'holding';
      clearTimeout(clock);
      const leftMs = Math.max(1, timeouts.totalMs - (performance.now() - startedMs));
      clock = setTimeout(() => fail(timeoutFault(status, true, timeouts.totalMs)), leftMs);
      resolve({ kind: 'begun', relay, close });
    };

    const close = (ending: Ending): Attempt => {
      switch (ending.kind) {
        case 'complete':
          return answered ?? account(null);
        case 'hung_up':
          return account(abandonment);
        case 'fault':
          return account(ending.fault);
      }
    };

    const send = (bytes: Uint8Array): void => {
      if (client.write(bytes)) return;
      controller?.pause();
      client.whenDrained(() => controller?.resume());
    };

    const relay = (tries: number): Promise<Ending> =>
      new Promise((resolveRelay) => {
        if (client.gone()) hungUp();
        if (early?.kind === 'hung_up') {
          resolveRelay(early);
          return;
        }
        const done = (ending: Ending): void => {
          if (stream) options.onStream(false);
          finishRelay = null;
          if (ending.kind === 'fault') {
            void client.end(options.failed(ending.fault)).then(() => resolveRelay(ending));
          } else {
            void client
              .end(null)
              .then(() =>
                resolveRelay(
                  ending.kind === 'complete' && client.gone() ? { kind: 'hung_up' } : ending,
                ),
              );
          }
        };
        finishRelay = done;
        if (stream) options.onStream(true);
        if (wholeAlready) answered = account(null);
        const headers = options.replyHeaders(
          { tries, cost: answered?.charge.total ?? null, attemptMs: performance.now() - startedMs },
          contentType,
        );
        client.begin(200, headers);
        if (phase === 'holding') phase = 'relaying';
        for (const bytes of held) send(bytes);
        held = [];
        if (wholeAlready) over();
        if (early !== null || wholeAlready) done(early ?? { kind: 'complete' });
      });

    /** Books what a piece means and passes its bytes on. */
    const take = ({ bytes, deltas }: Piece): void => {
      const nowMs = performance.now();
      const wasBegun = begun();
      meter.read(deltas, nowMs);
      if (stream && begun() && nowMs - lastProgressMs >= progressMs) {
        lastProgressMs = nowMs;
        options.onProgress(meter);
      }
      const { failure } = meter.reading();
      if (bytes !== null && bytes.length > 0 && (failure === null || wasBegun)) {
        if (phase === 'relaying') send(bytes);
        else {
          held.push(bytes);
          heldBytes += bytes.length;
        }
      }
      if (failure !== null) fail(replyFault(failure, status, finishRelay !== null));
      else if (phase === 'waiting' && begun() && stream) offer();
      else if (phase === 'waiting' && stream && heldBytes > maxHeldBytes) {
        fail(
          replyFault(
            { type: 'invalid_reply', message: 'The provider sent no content in its first MiB.' },
            status,
            false,
          ),
        );
      }
    };

    const finished = (): void => {
      if (road === null) return;
      take(road.end());
      if (phase === 'over') return;
      if (!meter.reading().ended) {
        fail(unendedFault(status, finishRelay !== null));
        return;
      }
      wholeAlready = true;
      endedMs = performance.now();
      if (phase === 'waiting') offer();
      else if (finishRelay !== null) {
        over();
        finishRelay({ kind: 'complete' });
      }
    };

    // Not the provider's doing: `caller` keeps it out of the provider's error rate.
    const abandonment: Fault = {
      kind: 'caller',
      code: 'client_closed',
      status,
      message: 'The client closed the connection.',
      param: null,
      retryAfterMs: null,
      mayBeBilled: true,
    };

    let clock = setTimeout(
      () => fail(timeoutFault(status, false, timeouts.firstByteMs)),
      Math.min(timeouts.firstByteMs, timeouts.totalMs),
    );
    stopListening = client.onGone(hungUp);
    if (client.gone()) {
      hungUp();
      return;
    }

    upstream.pool.dispatch(
      {
        path: options.path,
        method: 'POST',
        headers: options.headers,
        body: prepared.body,
      },
      {
        onRequestStart(started) {
          controller = started;
          if (aborted) started.abort(new Error('no longer wanted'));
        },
        onResponseStart(_controller, statusCode, headers) {
          if (phase === 'over') return;
          status = statusCode;
          waitMs = retryAfterMs(headerText(headers, 'retry-after'), Date.now());
          contentType = headerText(headers, 'content-type') ?? '';
          if (statusCode === 200)
            road = prepared.road(stream && contentType.startsWith('text/event-stream'));
          else phase = 'refused';
        },
        onResponseData(_controller, chunk) {
          if (phase === 'over') return;
          if (phase === 'refused') {
            if (errorBody.length < maxErrorBytes) errorBody += chunk.toString('utf8');
            return;
          }
          if (road !== null) take(road.read(chunk));
        },
        onResponseEnd() {
          if (phase === 'over') return;
          if (phase === 'refused') {
            const said = dialects[upstream.provider.dialect].readError(
              errorBody.slice(0, maxErrorBytes),
            );
            fail(statusFault(status, said, waitMs));
            return;
          }
          finished();
        },
        onResponseError(_controller, error) {
          if (phase === 'over') return;
          fail(
            phase === 'refused'
              ? statusFault(status, { message: '', param: null }, waitMs)
              : networkFault(error, status, finishRelay !== null),
          );
        },
      },
    );
  });
};
