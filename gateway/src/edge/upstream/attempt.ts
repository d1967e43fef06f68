/**
 * One attempt at a provider. A reply is held back until its first content is here, so that an earlier death can still
 * go to another target; from then on it is relayed. Every clock, hang-up and fault ends here in a value.
 *
 *   waiting --first content--> holding --relay()--> relaying --> over
 *      |  \--fault: failed        \--fault, hang-up: told by relay()
 *      \--hang-up: abandoned
 */
import { startMeter, type Meter } from '../../decide/meter.ts';
import type { ReceivedHeaders } from '../../decide/reply-headers.ts';
import type { Scrub } from '../../decide/scrub.ts';
import type { Ending, Opened } from '../../flow/effects.ts';
import { unreadable, type Failure, type Piece } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import type { Attempt } from '../../model/settlement.ts';
import type { Prepared } from '../../providers/prepare.ts';
import type { Road } from '../../providers/road.ts';
import { header } from '../http/arrival.ts';
import type { Client } from '../http/client.ts';
import { account, type AttemptStart } from './account.ts';
import { startExchange } from './exchange.ts';
import { abandonment, timeoutFault, unendedFault } from './faults.ts';
import { cleaned, replyFault } from './refusal.ts';

/** What the head of the client's response may say about the attempt. */
export interface ReplyFacts {
  readonly tries: number;
  readonly contentType: string;
  /** As the provider sent them. */
  readonly headers: ReceivedHeaders;
  /** Pico-dollars of this attempt; null: it goes on. */
  readonly cost: bigint | null;
  readonly attemptMs: number;
  /** Of the whole body; null: it is a stream. */
  readonly lengthBytes: number | null;
}

export interface AttemptOptions extends Omit<AttemptStart, 'startedMs'> {
  readonly prepared: Prepared;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly client: Client;
  /** Headers of the client's response, once the reply has begun. */
  replyHeaders(facts: ReplyFacts): Readonly<Record<string, string>>;
  /** The first content of a stream is here, or some more seconds of it. */
  onProgress(meter: Meter): void;
  onStream(open: boolean): void;
  /** The attempt has ended, however it did. */
  onOver(): void;
  /** Bytes for a client whose stream failed after it began; null: it has been told by the provider. */
  failed(fault: Fault): Uint8Array | null;
  /** Takes credentials out of what the provider says of an error. */
  readonly clean: Scrub;
}

const progressMs = 5_000;
/** Held before the first content; a provider that sends more preamble than this is broken. */
const maxHeldBytes = 1024 * 1024;

type Phase = 'waiting' | 'holding' | 'relaying' | 'over';

/** Sends the request. Resolves when it is known whether there is something to relay. */
export const openAttempt = (options: AttemptOptions): Promise<Opened> => {
  const { upstream, client, stream, clean } = options;
  const { firstByteMs, totalMs } = upstream.timeouts;
  const start = { ...options, startedMs: performance.now() };
  const meter = startMeter();
  const { promise, resolve } = Promise.withResolvers<Opened>();
  let phase: Phase = 'waiting';
  let status = 0;
  let headers: ReceivedHeaders = {};
  let road: Road | null = null;
  /** What the provider's reply is, whatever was asked for. */
  let streamed = false;
  let arriving = false;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let endedMs = 0;
  let lastProgressMs = -Infinity;
  /** How it ended, when that was before anyone asked to relay it. */
  let early: Ending | null = null;
  let answered: Attempt | null = null;
  let tellRelay: ((ending: Ending) => void) | null = null;

  const close = (ending: Ending): Attempt => {
    if (ending.kind === 'complete')
      return (answered ??= account(start, meter, { status, endedMs, fault: null }));
    const fault = ending.kind === 'fault' ? ending.fault : abandonment(status);
    // Not over yet when a bug of ours cut it short.
    return account(start, meter, { status, endedMs: endedMs || performance.now(), fault });
  };

  /** The one way out; what it means depends on how far the attempt had come. */
  const finish = (ending: Ending): void => {
    if (phase === 'over') return;
    const was = phase;
    phase = 'over';
    endedMs = performance.now();
    clearTimeout(patience);
    clearTimeout(clock);
    stopListening();
    options.onOver();
    if (ending.kind !== 'complete') exchange.abort();
    if (tellRelay !== null) tellRelay(ending);
    else if (was === 'holding') early = ending;
    else if (ending.kind === 'fault')
      resolve({ kind: 'failed', fault: ending.fault, attempt: close(ending) });
    else resolve({ kind: 'abandoned', attempt: close(ending) });
  };
  const fail = (fault: Fault): void => finish({ kind: 'fault', fault });
  const hasBegun = (): boolean => phase === 'holding' || phase === 'relaying';

  /** There is something to send: this reply is the one the client gets. */
  const offer = (): void => {
    phase = 'holding';
    clearTimeout(patience);
    resolve({ kind: 'begun', relay, close });
  };

  const send = (bytes: Uint8Array): void => {
    if (client.write(bytes)) return;
    exchange.pause();
    client.whenDrained(() => exchange.resume());
  };

  const endClient = async (ending: Ending): Promise<Ending> => {
    if (stream) options.onStream(false);
    await client.end(ending.kind === 'fault' ? options.failed(ending.fault) : null);
    return ending.kind === 'complete' && client.gone() ? { kind: 'hung_up' } : ending;
  };

  const begin = (tries: number, whole: Attempt | null): void => {
    const attemptMs = whole?.durationMs ?? performance.now() - start.startedMs;
    // A stream may be whole already by chance; it is promised neither.
    const cost = whole === null || stream ? null : whole.charge.total;
    const lengthBytes = whole === null || stream ? null : heldBytes;
    const contentType = header(headers, 'content-type') ?? '';
    client.begin(
      200,
      options.replyHeaders({ tries, contentType, headers, cost, attemptMs, lengthBytes }),
    );
  };

  /** The reply was whole before anything of it was sent. */
  const sendWhole = async (tries: number): Promise<Ending> => {
    begin(tries, close({ kind: 'complete' }));
    await client.end(held.length === 1 ? (held[0] ?? null) : Buffer.concat(held));
    return client.gone() ? { kind: 'hung_up' } : { kind: 'complete' };
  };

  const relay = async (tries: number): Promise<Ending> => {
    if (client.gone()) finish({ kind: 'hung_up' });
    if (early?.kind === 'hung_up') return early;
    if (early?.kind === 'complete') return sendWhole(tries);
    begin(tries, null);
    if (stream) options.onStream(true);
    for (const bytes of held) send(bytes);
    held = [];
    if (early !== null) return endClient(early);
    phase = 'relaying';
    const told = Promise.withResolvers<Ending>();
    tellRelay = told.resolve;
    return endClient(await told.promise);
  };

  const progress = (nowMs: number): void => {
    if (!stream || nowMs - lastProgressMs < progressMs) return;
    lastProgressMs = nowMs;
    options.onProgress(meter);
  };

  const failed = (failure: Failure): Fault =>
    replyFault(failure, { status, dialect: upstream.provider.dialect, clean }, hasBegun());

  /** Books what a piece means and passes its bytes on, or keeps them. */
  const take = ({ bytes, deltas }: Piece): void => {
    const nowMs = performance.now();
    meter.read(deltas, nowMs);
    const failure = meter.failure();
    if (bytes !== null && bytes.length > 0 && (failure === null || hasBegun())) {
      const passing = failure === null ? bytes : cleaned(bytes, clean);
      if (phase === 'relaying') send(passing);
      else {
        held.push(passing);
        heldBytes += passing.length;
      }
    }
    if (failure !== null) fail(failed(failure));
    else if (meter.begun()) {
      progress(nowMs);
      if (phase === 'waiting' && stream) offer();
    } else if (stream && heldBytes > maxHeldBytes) {
      fail(failed(unreadable('invalid_reply', 'The provider sent no content in its first MiB.')));
    }
  };

  const late = (message: string) => (): void => fail(timeoutFault(status, hasBegun(), message));
  // Two clocks of fixed lengths: the engine keeps a list for each length, and timers of one list cost next to nothing.
  const patienceMs = Math.min(firstByteMs, totalMs);
  const patience = setTimeout(
    late(`The provider sent nothing within ${patienceMs} ms.`),
    patienceMs,
  );
  const clock = setTimeout(late(`The provider did not finish within ${totalMs} ms.`), totalMs);
  const exchange = startExchange(
    upstream,
    {
      path: options.path,
      headers: options.headers,
      body: options.prepared.body,
      clean: options.clean,
    },
    {
      onReply(statusCode, received) {
        status = statusCode;
        headers = received;
        streamed =
          stream && (header(received, 'content-type') ?? '').startsWith('text/event-stream');
        road = options.prepared.road(streamed);
      },
      onData(chunk) {
        if (phase === 'over' || road === null) return;
        // A whole reply has content only at its end; that it comes shows in its first bytes.
        if (!streamed && !arriving) {
          arriving = true;
          clearTimeout(patience);
        }
        take(road.read(chunk));
      },
      onEnd() {
        if (phase === 'over' || road === null) return;
        take(road.end());
        if (!meter.ended()) fail(unendedFault(status, hasBegun()));
        if (phase === 'waiting') offer();
        finish({ kind: 'complete' });
      },
      onFault(fault) {
        status ||= fault.status;
        fail(fault);
      },
      hasBegun,
    },
  );
  const stopListening = client.onGone(() => finish({ kind: 'hung_up' }));
  if (client.gone()) finish({ kind: 'hung_up' });
  return promise;
};
