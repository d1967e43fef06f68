/**
 * One attempt at a provider, and its reply. The reply is held back until its first content is here, so that an earlier death
 * can still go to another target; from then on somebody may read it. Every clock and fault ends here in a value.
 *
 *   waiting --first content, or held for too long--> holding --start()--> read --> over
 *      |  \--fault: failed                              \--fault: told to whoever reads it
 *      \--leave(): abandoned
 *
 * A reply is complete with the last event of its dialect. What the provider does after that changes nothing.
 */
import { observeReply, type Observation } from '../../decide/observation.ts';
import type { Delivery, Opened } from '../../flow/effects.ts';
import type { Delta, Failure, Piece } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import { header, type ReceivedHeaders } from '../../model/headers.ts';
import type { Reply, ReplyEnd, ReplyHead, ReplyReader } from '../../model/reply.ts';
import type { Attempt } from '../../model/settlement.ts';
import { startReplyBody, type ReplyBody } from '../../translate/reply-body.ts';
import { attemptRecord, type AttemptStart } from '../../decide/attempt-record.ts';
import { startClocks, type Bell, type Clocks } from './clocks.ts';
import type { AttemptOptions } from './attempt-options.ts';
import { startExchange, type Exchange } from './exchange.ts';
import {
  abandonment,
  lateMessage,
  stoppedFault,
  timeoutFault,
  unendedFault,
} from '../../decide/faults.ts';
import { replyFault, toldEvent } from '../../translate/provider-error.ts';

const progressMs = 1_000;

const lifeSign: Piece = { bytes: null, deltas: [] };

type Phase = 'waiting' | 'holding' | 'read' | 'over';

/** An attempt that goes on. */
export class RunningAttempt implements Reply {
  readonly kind = 'begun';
  /** Resolves when it is known whether there is something to read. */
  readonly opened: Promise<Opened>;
  readonly #resolve: (opened: Opened) => void;
  readonly #options: AttemptOptions;
  readonly #start: AttemptStart;
  readonly #observed: Observation;
  readonly #clocks: Clocks;
  readonly #exchange: Exchange;
  #phase: Phase = 'waiting';
  #status = 0;
  #headers: ReceivedHeaders = {};
  #body: ReplyBody | null = null;
  #reader: ReplyReader | null = null;
  /** Until there is a reader. */
  #held: Piece[] = [];
  #heldBytes = 0;
  #endedMs = 0;
  #progressedMs = -Infinity;
  #end: { readonly end: ReplyEnd; readonly last: Piece | null } | null = null;
  #answered: Attempt | null = null;

  /** Sends the request. */
  constructor(options: AttemptOptions) {
    const { upstream, stream, prepared, path, headers, limits, told } = options;
    const { promise, resolve } = Promise.withResolvers<Opened>();
    this.opened = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#observed = observeReply(options.name);
    this.#start = { ...options, startedMs: performance.now() };
    this.#clocks = startClocks(upstream.timeouts, stream, (bell) => this.#ring(bell));
    this.#exchange = startExchange(
      upstream,
      {
        path,
        headers,
        body: prepared.body,
        dialect: prepared.dialect,
        told,
        maxInflatedBytes: limits.replyBytes,
      },
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
  }

  get startedMs(): number {
    return this.#start.startedMs;
  }

  get reply(): Reply {
    return this;
  }

  head(): ReplyHead {
    const isStream = this.#body?.form() === 'stream';
    const contentType = header(this.#headers, 'content-type') ?? '';
    const received = { contentType, headers: this.#headers, isStream };
    return { isStream, headers: this.#options.replyHeaders(received) };
  }

  start(reader: ReplyReader): void {
    this.#reader = reader;
    if (this.#phase === 'holding') this.#phase = 'read';
    // It was held for long without content: a sign of life is all there is.
    if (this.#held.length === 0 && this.#end === null) reader.piece(lifeSign);
    for (const piece of this.#held) reader.piece(piece);
    this.#held = [];
    if (this.#end !== null) reader.end(this.#end.end, this.#end.last);
  }

  pause(): void {
    this.#clocks.pause();
    this.#exchange.pause();
  }

  resume(): void {
    this.#clocks.resume();
    this.#exchange.resume();
  }

  leave(): void {
    const was = this.#phase;
    this.#reader = null;
    if (!this.#isOver(true)) return;
    if (was === 'waiting')
      this.#resolve({ kind: 'abandoned', attempt: this.close({ kind: 'hung_up', isSlow: false }) });
  }

  /** The gateway stops and waits for no reply any more. */
  stop(): void {
    this.#fail(stoppedFault(this.#status, true));
  }

  close(delivery: Delivery): Attempt {
    if (delivery.kind === 'complete') return (this.#answered ??= this.#record(this.#endedMs, null));
    const status = this.#status;
    const fault = delivery.kind === 'fault' ? delivery.fault : abandonment(status, delivery.isSlow);
    // Not over yet when a bug of ours cut it short.
    return this.#record(this.#endedMs || performance.now(), fault);
  }

  #record(endedMs: number, fault: Fault | null): Attempt {
    return attemptRecord(this.#start, this.#observed, { status: this.#status, endedMs, fault });
  }

  #hasBegun(): boolean {
    return this.#phase === 'holding' || this.#phase === 'read';
  }

  #ring(bell: Bell): void {
    if (bell === 'hold') {
      this.#body?.choose();
      return this.#offer();
    }
    const message = lateMessage(bell, this.#options.upstream.timeouts, this.#observed.begun());
    this.#fail(timeoutFault(this.#status, this.#hasBegun(), message));
  }

  #reply(status: number, headers: ReceivedHeaders): void {
    const { prepared, stream } = this.#options;
    this.#status = status;
    this.#headers = headers;
    const contentType = header(headers, 'content-type') ?? '';
    this.#body = startReplyBody(prepared.translator, {
      wantsStream: stream,
      contentType,
      framing: prepared.framing,
    });
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

  /** Books what a piece means and passes it on, or keeps it. */
  #take(piece: Piece, body: ReplyBody): void {
    const observed = this.#observed;
    const hadContent = observed.begun();
    observed.read(piece.deltas, performance.now());
    const failure = observed.failure();
    if (failure !== null) return this.#failInside(failure, piece);
    if (observed.ended()) return this.#complete(piece);
    this.#pass(piece);
    if (body.form() !== 'stream') return;
    if (observed.begun()) {
      if (!hadContent) this.#clocks.hasContent();
      this.#progress();
    }
    if (observed.begun() || this.#heldBytes > this.#options.limits.eventBytes) this.#offer();
  }

  #pass(piece: Piece): void {
    if (this.#reader !== null) return this.#reader.piece(piece);
    if (piece.bytes === null || piece.bytes.length === 0) return;
    this.#held.push(piece);
    this.#heldBytes += piece.bytes.length;
  }

  #progress(): void {
    const nowMs = performance.now();
    if (nowMs - this.#progressedMs < progressMs) return;
    this.#progressedMs = nowMs;
    this.#options.onProgress(this.#observed);
  }

  #failInside(failure: Failure, { bytes, deltas, failedEvent }: Piece): void {
    const { told, prepared } = this.#options;
    const begun = this.#hasBegun();
    const reply = { status: this.#status, dialect: prepared.dialect, told };
    const event = begun && failedEvent !== undefined ? toldEvent(failure, failedEvent, told) : null;
    if (begun) {
      const isFailure = ({ kind }: Delta): boolean => kind === 'failed';
      if (bytes !== null)
        this.#pass({ bytes, deltas: deltas.filter((delta) => !isFailure(delta)) });
      if (event !== null) this.#pass({ bytes: event, deltas: deltas.filter(isFailure) });
    }
    this.#finish({
      kind: 'fault',
      fault: replyFault(failure, reply, begun),
      isTold: event !== null,
    });
  }

  /** There is something to read: this reply is the one the client gets. */
  #offer(): void {
    if (this.#phase !== 'waiting') return;
    this.#phase = 'holding';
    this.#resolve(this);
  }

  /** The reply is whole; its last piece waits to be sent. The provider may end its body in its own time. */
  #complete(last: Piece): void {
    this.#offer();
    this.#exchange.release();
    this.#finish({ kind: 'complete' }, last);
  }

  #fail(fault: Fault): void {
    this.#finish({ kind: 'fault', fault, isTold: false });
  }

  /** False: it was over already. */
  #isOver(isBroken: boolean): boolean {
    if (this.#phase === 'over') return false;
    this.#phase = 'over';
    this.#endedMs = performance.now();
    this.#clocks.stop();
    this.#options.onOver();
    if (isBroken) this.#exchange.abort();
    return true;
  }

  /** What its end means depends on how far the attempt had come. */
  #finish(end: ReplyEnd, last: Piece | null = null): void {
    const was = this.#phase;
    if (!this.#isOver(end.kind !== 'complete')) return;
    this.#end = { end, last };
    if (was === 'waiting' && end.kind === 'fault')
      this.#resolve({ kind: 'failed', fault: end.fault, attempt: this.close(end) });
    else this.#reader?.end(end, last);
  }
}
