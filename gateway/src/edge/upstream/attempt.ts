/**
 * One attempt at a provider. A reply is held back until its first content is here, so that an earlier death can still
 * go to another target; from then on it is relayed. Every clock, hang-up and fault ends here in a value.
 *
 *   waiting --first content, or held for too long--> holding --relay()--> relaying --> over
 *      |  \--fault: failed                              \--fault, hang-up: told by relay()
 *      \--hang-up: abandoned
 *
 * A reply is complete with the last event of its dialect. What provider or client do after that changes nothing.
 */
import { startMeter, type Meter } from '../../decide/meter.ts';
import type { ReceivedHeaders } from '../../decide/reply-headers.ts';
import type { Told } from '../../decide/told.ts';
import type { Ending, Opened } from '../../flow/effects.ts';
import type { Failure, Piece } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import type { Attempt } from '../../model/settlement.ts';
import type { Prepared } from '../../providers/prepare.ts';
import { startReplyBody, type ReplyBody } from '../../providers/reply-body.ts';
import { header } from '../http/arrival.ts';
import type { Client } from '../http/client.ts';
import { account, type AttemptStart } from './account.ts';
import { startClocks, type Bell, type Clocks } from './clocks.ts';
import { startExchange, type Exchange } from './exchange.ts';
import { abandonment, stoppedFault, timeoutFault, unendedFault } from './faults.ts';
import { startOutbox, type Outbox } from './outbox.ts';
import { replyFault, toldEvent } from './refusal.ts';

/** What the head of the client's response may say about the attempt. */
export interface ReplyFacts {
  readonly tries: number;
  readonly contentType: string;
  /** As the provider sent them. */
  readonly headers: ReceivedHeaders;
  /** What the body is, whatever its content type says. */
  readonly isStream: boolean;
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
  readonly limits: { readonly replyBytes: number; readonly eventBytes: number };
  /** Headers of the client's response, once the reply has begun. */
  replyHeaders(facts: ReplyFacts): Readonly<Record<string, string>>;
  /** The request goes onto a connection. */
  onSent(): void;
  /** The first content of a stream is here, or another second of it. */
  onProgress(meter: Meter): void;
  /** Keeps the account of a reply that is whole, so that no kill changes it; false: it may. */
  keepWhole(attempt: Attempt): Promise<boolean>;
  onStream(open: boolean): void;
  /** The attempt has ended, however it did. */
  onOver(): void;
  /** Bytes for a client whose stream failed after it began. */
  failed(fault: Fault): Uint8Array;
  /** Takes credentials out of what the provider says of an error. */
  readonly told: Told;
  /** Reads a name that the provider gives. */
  name(text: string): string;
}

const progressMs = 1_000;

/**
 * So much of a reply the system takes at once, as a rule. A larger one may be left by its client on the way, so it is
 * accounted for when this much is left to send; its cost, which is told at its beginning, is kept before.
 */
const maxToldBytes = 64 * 1024;

/** Accounts for a whole reply; see `Begun.relay`. */
type Settle = () => Promise<boolean>;

/** A reply that was whole before anything of it was sent. */
interface Whole {
  readonly attempt: Attempt;
  readonly bytes: Uint8Array;
  /** What it cost is on disk. */
  readonly isKept: boolean;
}

type Phase = 'waiting' | 'holding' | 'relaying' | 'over';

/** Sends the request. Resolves when it is known whether there is something to relay. */
export const openAttempt = (options: AttemptOptions): Promise<Opened> =>
  options.client.isStopped()
    ? Promise.resolve(unsent(options))
    : new RunningAttempt(options).opened;

/** The gateway stopped before anything was sent. */
const unsent = (options: AttemptOptions): Opened => {
  const nowMs = performance.now();
  const fault = stoppedFault(0, false);
  const start = { ...options, startedMs: nowMs };
  options.onOver();
  const attempt = account(start, startMeter(options.name), { status: 0, endedMs: nowMs, fault });
  return { kind: 'failed', fault, attempt };
};

class RunningAttempt {
  readonly opened: Promise<Opened>;
  readonly #resolve: (opened: Opened) => void;
  readonly #options: AttemptOptions;
  readonly #start: AttemptStart;
  readonly #meter: Meter;
  readonly #clocks: Clocks;
  readonly #outbox: Outbox;
  readonly #exchange: Exchange;
  readonly #forgetClient: readonly (() => void)[];
  #phase: Phase = 'waiting';
  #status = 0;
  #replyHeaders: ReceivedHeaders = {};
  #body: ReplyBody | null = null;
  #endedMs = 0;
  #progressedMs = -Infinity;
  /** Of a complete reply: the bytes that its client still lacks. */
  #last: Uint8Array | null = null;
  /** The client has read of the fault in the provider's own words. */
  #isTold = false;
  /** How it ended, when that was before anyone asked to relay it. */
  #early: Ending | null = null;
  #answered: Attempt | null = null;
  #tellRelay: ((ending: Ending) => void) | null = null;

  constructor(options: AttemptOptions) {
    const { upstream, client, stream, prepared, path, headers, limits, told } = options;
    const { promise, resolve } = Promise.withResolvers<Opened>();
    this.opened = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#meter = startMeter(options.name);
    this.#start = { ...options, startedMs: performance.now() };
    this.#clocks = startClocks(upstream.timeouts, stream, (bell) => this.#ring(bell));
    this.#outbox = startOutbox(client, {
      onFull: () => {
        this.#clocks.pause();
        this.#exchange.pause();
      },
      onDrained: () => {
        this.#clocks.resume();
        this.#exchange.resume();
      },
    });
    this.#exchange = startExchange(
      upstream,
      { path, headers, body: prepared.body, told, maxInflatedBytes: limits.replyBytes },
      {
        onSent: () => options.onSent(),
        onAlive: () => this.#clocks.alive(),
        onReply: (status, received) => this.#reply(status, received),
        onData: (chunk) => this.#read((body) => body.read(chunk)),
        onEnd: () => {
          this.#read((body) => body.end());
          if (this.#phase !== 'over') this.#fail(unendedFault(this.#status, this.#hasBegun()));
        },
        onFault: (fault) => {
          this.#status ||= fault.status;
          this.#fail(fault);
        },
        hasBegun: () => this.#hasBegun(),
      },
    );
    this.#forgetClient = [
      client.onGone(() => this.#finish({ kind: 'hung_up' })),
      client.onStopped(() => this.#fail(stoppedFault(this.#status, true))),
    ];
    if (client.gone()) this.#finish({ kind: 'hung_up' });
  }

  #hasBegun(): boolean {
    return this.#phase === 'holding' || this.#phase === 'relaying';
  }

  #ring(bell: Bell): void {
    const { firstByteMs, firstContentMs, idleMs, totalMs } = this.#options.upstream.timeouts;
    const late = (message: string): void =>
      this.#fail(timeoutFault(this.#status, this.#hasBegun(), message));
    switch (bell) {
      case 'silence':
        late(`The provider sent nothing within ${this.#meter.begun() ? idleMs : firstByteMs} ms.`);
        break;
      case 'first_content':
        late(`The provider sent no content within ${firstContentMs} ms.`);
        break;
      case 'total':
        late(`The provider did not finish within ${totalMs} ms.`);
        break;
      case 'hold':
        this.#body?.choose();
        this.#offer();
        break;
    }
  }

  #reply(status: number, headers: ReceivedHeaders): void {
    const { prepared, stream } = this.#options;
    this.#status = status;
    this.#replyHeaders = headers;
    const contentType = header(headers, 'content-type') ?? '';
    this.#body = startReplyBody(prepared.road, { wantsStream: stream, contentType });
    this.#timeForm(this.#body);
  }

  /** Which clocks run depends on what the reply is, as far as is known. */
  #timeForm(body: ReplyBody): void {
    const form = body.form();
    if (form === 'whole') this.#clocks.isWhole();
    else if (form === 'stream' || body.saysStream) this.#clocks.isStream();
  }

  #read(piece: (body: ReplyBody) => Piece): void {
    const body = this.#body;
    if (this.#phase === 'over' || body === null) return;
    const isKnown = body.form() !== null;
    const read = piece(body);
    if (!isKnown) this.#timeForm(body);
    this.#take(read, body);
  }

  /** Books what a piece means and passes its bytes on, or keeps them. */
  #take(piece: Piece, body: ReplyBody): void {
    const { bytes, deltas } = piece;
    const meter = this.#meter;
    const hadContent = meter.begun();
    meter.read(deltas, performance.now());
    const failure = meter.failure();
    if (failure !== null) return this.#failInside(failure, piece);
    if (meter.ended()) return this.#complete(bytes);
    if (bytes !== null && bytes.length > 0) this.#outbox.add(bytes);
    else this.#outbox.keepAlive(this.#options.upstream.timeouts.holdMs);
    if (body.form() !== 'stream') return;
    if (meter.begun()) {
      if (!hadContent) this.#clocks.hasContent();
      this.#progress();
    }
    if (meter.begun() || this.#outbox.heldBytes() > this.#options.limits.eventBytes) this.#offer();
  }

  #progress(): void {
    const nowMs = performance.now();
    if (nowMs - this.#progressedMs < progressMs) return;
    this.#progressedMs = nowMs;
    this.#options.onProgress(this.#meter);
  }

  #failInside(failure: Failure, { bytes, failedEvent }: Piece): void {
    const { told, upstream } = this.#options;
    const begun = this.#hasBegun();
    if (begun) {
      if (bytes !== null) this.#outbox.add(bytes);
      const event = failedEvent === undefined ? null : toldEvent(failure, failedEvent, told);
      if (event !== null) this.#outbox.add(event);
      this.#isTold = event !== null;
    }
    const reply = { status: this.#status, dialect: upstream.provider.dialect, told };
    this.#fail(replyFault(failure, reply, begun));
  }

  /** There is something to send: this reply is the one the client gets. */
  #offer(): void {
    if (this.#phase !== 'waiting') return;
    this.#phase = 'holding';
    this.#resolve({
      kind: 'begun',
      relay: (tries, settle) => this.#relay(tries, settle),
      close: (ending) => this.#close(ending),
    });
  }

  /** The reply is whole; its last bytes wait to be sent. The provider may end its body in its own time. */
  #complete(last: Uint8Array | null): void {
    this.#last = last;
    this.#offer();
    this.#exchange.release();
    this.#finish({ kind: 'complete' });
  }

  #fail(fault: Fault): void {
    this.#finish({ kind: 'fault', fault });
  }

  /** The one way out; what it means depends on how far the attempt had come. */
  #finish(ending: Ending): void {
    if (this.#phase === 'over') return;
    const was = this.#phase;
    this.#phase = 'over';
    this.#endedMs = performance.now();
    this.#clocks.stop();
    for (const forget of this.#forgetClient) forget();
    this.#options.onOver();
    if (ending.kind !== 'complete') this.#exchange.abort();
    if (this.#tellRelay !== null) this.#tellRelay(ending);
    else if (was === 'holding') this.#early = ending;
    else if (ending.kind === 'fault')
      this.#resolve({ kind: 'failed', fault: ending.fault, attempt: this.#close(ending) });
    else this.#resolve({ kind: 'abandoned', attempt: this.#close(ending) });
  }

  #close(ending: Ending): Attempt {
    const status = this.#status;
    const endedMs = this.#endedMs;
    if (ending.kind === 'complete')
      return (this.#answered ??= account(this.#start, this.#meter, {
        status,
        endedMs,
        fault: null,
      }));
    const fault =
      ending.kind === 'fault' ? ending.fault : abandonment(status, this.#options.client.isSlow());
    // Not over yet when a bug of ours cut it short.
    return account(this.#start, this.#meter, {
      status,
      endedMs: endedMs || performance.now(),
      fault,
    });
  }

  async #relay(tries: number, settle: Settle): Promise<Ending> {
    const { client, stream, onStream } = this.#options;
    if (client.gone()) this.#finish({ kind: 'hung_up' });
    const early = this.#early;
    if (early?.kind === 'hung_up') return early;
    if (early?.kind === 'complete') return this.#sendWhole(tries, settle);
    this.#begin(tries, null);
    if (stream) onStream(true);
    this.#outbox.open(stream);
    if (early === null) this.#phase = 'relaying';
    const told = Promise.withResolvers<Ending>();
    this.#tellRelay = told.resolve;
    const ending = early ?? (await told.promise);
    if (stream) onStream(false);
    return this.#end(ending, settle);
  }

  /** The reply was whole before anything of it was sent. */
  async #sendWhole(tries: number, settle: Settle): Promise<Ending> {
    const bytes = this.#outbox.take(this.#last);
    const attempt = this.#close({ kind: 'complete' });
    const isLarge = bytes.length > maxToldBytes;
    const isKept = await (isLarge ? this.#options.keepWhole(attempt) : settle());
    this.#begin(tries, { attempt, bytes, isKept });
    this.#last = bytes.subarray(-maxToldBytes);
    if (!isLarge) return this.#sendLast();
    this.#outbox.add(bytes.subarray(0, -maxToldBytes));
    this.#outbox.open(false);
    return this.#end({ kind: 'complete' }, settle);
  }

  /** The reply is accounted for; whether its client reads the last of it changes nothing any more. */
  async #sendLast(): Promise<Ending> {
    await this.#options.client.end(this.#last);
    return { kind: 'complete' };
  }

  #begin(tries: number, whole: Whole | null): void {
    const { client, stream, replyHeaders } = this.#options;
    client.begin(
      200,
      replyHeaders({
        tries,
        contentType: header(this.#replyHeaders, 'content-type') ?? '',
        headers: this.#replyHeaders,
        isStream: this.#body?.form() === 'stream',
        attemptMs: whole?.attempt.durationMs ?? performance.now() - this.#start.startedMs,
        // A stream may be whole already by chance; it is promised neither. Nor is a cost that a crash could still change.
        cost: whole === null || stream || !whole.isKept ? null : whole.attempt.charge.total,
        lengthBytes: whole === null || stream ? null : whole.bytes.length,
      }),
    );
  }

  async #end(ending: Ending, settle: Settle): Promise<Ending> {
    const { client, failed } = this.#options;
    switch (ending.kind) {
      case 'complete':
        // What was sent before must have left, or a client that stopped reading long ago would count as answered.
        await client.ready();
        if (client.gone()) return { kind: 'hung_up' };
        await settle();
        return this.#sendLast();
      case 'fault':
        await client.end(this.#isTold ? null : failed(ending.fault));
        return ending;
      case 'hung_up':
        return ending;
    }
  }
}
