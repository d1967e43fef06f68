/**
 * What waits for one member. Parts of many requests are sent as one message when the member is busy (OTLP requests
 * concatenate); a message the member did not take is sent again to the same member, and nothing else is; one it objects
 * to is halved until the part that it objects to stands alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterConfig } from '../../config/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Sent, Transport } from './member.ts';

export type PartEnd =
  | { readonly kind: 'delivered'; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  /** Given up: too old, or the router stops. Nobody was told that it arrived. */
  | { readonly kind: 'expired' };

export interface QueuedPart {
  readonly bytes: Buffer;
  readonly spans: number;
  readonly queuedMs: number;
  /** Called exactly once. */
  readonly end: (how: PartEnd) => void;
}

export interface MemberQueue {
  readonly name: string;
  hasRoom(bytes: number): boolean;
  push(part: QueuedPart): void;
  /** For `/members`. */
  state(): { waitingBytes: number; inFlight: number; failures: number; lastError: string };
  /** Waits until it is empty or the time is over; what is left then expires. */
  drain(untilMs: number): Promise<void>;
}

/** A member may ask for a pause, but not for any length of it. */
const maxPauseMs = 60_000;

type Batch = readonly QueuedPart[];

/** Exponential, with jitter over its upper half, so that routers do not come back in step. */
const backoffMs = (failures: number, limits: RouterConfig['send']): number => {
  const full = Math.min(limits.backoffMaxMs, limits.backoffMs * 2 ** (failures - 1));
  return full * (0.5 + Math.random() / 2);
};

/** A queue in front of `transport`. */
export const startMemberQueue = (
  name: string,
  transport: Transport,
  limits: RouterConfig['send'],
  metrics: Metrics,
): MemberQueue => new Queue(name, transport, limits, metrics);

class Queue implements MemberQueue {
  readonly name: string;
  readonly #transport: Transport;
  readonly #limits: RouterConfig['send'];
  readonly #metrics: Metrics;
  readonly #waiting: QueuedPart[] = [];
  #waitingBytes = 0;
  /** Messages that failed, or halves of one: sent as they are, before anything new. */
  readonly #again: Batch[] = [];
  /** Of all that waits or is on its way. */
  #heldBytes = 0;
  #inFlight = 0;
  #failures = 0;
  #lastError = '';
  #pausedUntilMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerDueMs = 0;
  #closed = false;

  constructor(name: string, transport: Transport, limits: RouterConfig['send'], metrics: Metrics) {
    this.name = name;
    this.#transport = transport;
    this.#limits = limits;
    this.#metrics = metrics;
  }

  hasRoom(bytes: number): boolean {
    return this.#heldBytes === 0 || this.#heldBytes + bytes <= this.#limits.queueBytes;
  }

  push(part: QueuedPart): void {
    this.#heldBytes += part.bytes.length;
    this.#waiting.push(part);
    this.#waitingBytes += part.bytes.length;
    this.#pump();
  }

  state() {
    return {
      waitingBytes: this.#heldBytes,
      inFlight: this.#inFlight,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async drain(untilMs: number): Promise<void> {
    while (this.#heldBytes > 0 && Date.now() < untilMs) await sleep(10);
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const part of [...this.#again.flat(), ...this.#waiting.splice(0)])
      this.#end(part, { kind: 'expired' });
    this.#again.length = 0;
    await this.#transport.close();
  }

  #end(part: QueuedPart, how: PartEnd): void {
    this.#heldBytes -= part.bytes.length;
    const outcome = how.kind;
    this.#metrics.add('spans', { outcome }, part.spans);
    part.end(how);
  }

  /** Sends whatever may be sent now, or sets the clock for when it may. */
  #pump(): void {
    const nowMs = Date.now();
    if (this.#failures > 0) this.#expireOld(nowMs);
    if (this.#closed) return;
    while (this.#again.length + this.#waiting.length > 0) {
      if (nowMs < this.#pausedUntilMs) return this.#wake(this.#pausedUntilMs - nowMs);
      // a member that fails gets one message at a time until it takes one
      if (this.#inFlight >= (this.#failures > 0 ? 1 : this.#limits.inFlight)) return;
      const lingersMs = this.#lingersMs(nowMs);
      if (lingersMs > 0) return this.#wake(lingersMs);
      void this.#launch(this.#take());
    }
  }

  /** How long what waits goes on waiting for company: not at all while nothing is on its way. */
  #lingersMs(nowMs: number): number {
    const [first] = this.#waiting;
    if (this.#again.length > 0 || this.#inFlight === 0 || first === undefined) return 0;
    if (this.#waitingBytes >= this.#limits.batchBytes) return 0;
    return this.#limits.lingerMs - (nowMs - first.queuedMs);
  }

  #wake(inMs: number): void {
    const dueMs = Date.now() + inMs;
    if (this.#timer !== null) {
      if (this.#timerDueMs <= dueMs) return;
      clearTimeout(this.#timer);
    }
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#pump();
    }, inMs);
  }

  /** The next message: failed ones first, else as many waiting parts as fit. */
  #take(): Batch {
    const repeated = this.#again.shift();
    if (repeated !== undefined) return repeated;
    let size = 0;
    let count = 0;
    for (const { bytes } of this.#waiting) {
      if (count > 0 && size + bytes.length > this.#limits.maxMessageBytes) break;
      size += bytes.length;
      count += 1;
    }
    this.#waitingBytes -= size;
    return this.#waiting.splice(0, count);
  }

  async #launch(batch: Batch): Promise<void> {
    this.#inFlight += 1;
    const startedMs = performance.now();
    const [only] = batch;
    const sent = await this.#transport.send(
      batch.length === 1 && only !== undefined
        ? only.bytes
        : Buffer.concat(batch.map(({ bytes }) => bytes)),
    );
    this.#inFlight -= 1;
    const tookMs = performance.now() - startedMs;
    this.#metrics.observe('backendLatency', { endpoint: this.name }, tookMs);
    if (this.#closed) for (const part of batch) this.#end(part, { kind: 'expired' });
    else {
      this.#settle(batch, sent);
      this.#pump();
    }
  }

  #settle(batch: Batch, sent: Sent): void {
    const success = String(sent.kind === 'taken');
    this.#metrics.add('backendOutcome', { endpoint: this.name, success });
    switch (sent.kind) {
      case 'taken':
        this.#failures = 0;
        this.#pausedUntilMs = 0;
        this.#lastError = '';
        this.#taken(batch, sent);
        return;
      case 'refused':
        this.#lastError = sent.message;
        this.#refused(batch, sent.message);
        return;
      case 'later':
        this.#lastError = sent.message;
        this.#metrics.add('memberRetries', { member: this.name });
        this.#pause(sent.afterMs);
        this.#again.unshift(batch);
    }
  }

  /** What a member rejects of a merged message belongs to nobody in particular: counted, told to a lone sender. */
  #taken(batch: Batch, { rejectedSpans, message }: Extract<Sent, { kind: 'taken' }>): void {
    if (rejectedSpans > 0) this.#metrics.add('spans', { outcome: 'refused' }, rejectedSpans);
    const alone = batch.length === 1;
    for (const part of batch) {
      this.#end(part, {
        kind: 'delivered',
        rejectedSpans: alone ? rejectedSpans : 0,
        message: alone ? message : '',
      });
    }
  }

  #refused(batch: Batch, message: string): void {
    const [only] = batch;
    if (batch.length > 1) {
      const half = batch.length >> 1;
      this.#again.unshift(batch.slice(0, half), batch.slice(half));
    } else if (only !== undefined) {
      this.#end(only, { kind: 'refused', message: `${this.name}: ${message}` });
    }
  }

  /** Eight messages that fail together are one failure. */
  #pause(askedMs: number | null): void {
    if (Date.now() < this.#pausedUntilMs) return;
    this.#failures += 1;
    const pauseMs = Math.min(askedMs ?? backoffMs(this.#failures, this.#limits), maxPauseMs);
    this.#pausedUntilMs = Date.now() + pauseMs;
  }

  #expireOld(nowMs: number): void {
    const tooOld = (part: QueuedPart) => nowMs - part.queuedMs > this.#limits.giveUpMs;
    const [again, waiting] = [this.#again, this.#waiting];
    for (let batch = again[0]; batch !== undefined && batch.every(tooOld); batch = again[0]) {
      again.shift();
      for (const part of batch) this.#end(part, { kind: 'expired' });
    }
    for (let part = waiting[0]; part !== undefined && tooOld(part); part = waiting[0]) {
      waiting.shift();
      this.#waitingBytes -= part.bytes.length;
      this.#end(part, { kind: 'expired' });
    }
  }
}
