/** Sends a reply to its client, as fast as the client takes it; the one way by which bytes of a reply leave. */
import type { WholeReply } from '../../decide/response-headers.ts';
import type { Delivering, Delivery } from '../../flow/effects.ts';
import type { Piece } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import type { Reply, ReplyEnd, ReplyReader } from '../../model/reply.ts';
import { join } from '../../translate/event-cutter.ts';
import type { Client } from './client.ts';

/**
 * A comment, which every reader of event streams passes over:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
 */
const keepAlive = new TextEncoder().encode(': keep-alive\n\n');

/**
 * So much of a reply the system takes at once, as a rule. A larger one may be left by its client on the way, so it is
 * accounted for when this much is left to send; its cost, which is told at its beginning, is kept before.
 */
const maxToldBytes = 64 * 1024;

export interface DeliveryOptions {
  readonly client: Client;
  readonly reply: Reply;
  readonly delivering: Delivering;
  /** A stream to which nothing was sent for so long gets a sign of life when its provider gives one. */
  readonly holdMs: number;
  /** The head of the response; null: what the whole reply is, is not known yet. */
  headers(whole: WholeReply | null): Readonly<Record<string, string>>;
  onStream(open: boolean): void;
  /** Bytes for a client whose stream failed after it began. */
  failed(fault: Fault): Uint8Array;
}

/** Delivers a reply; resolves when its last byte was handed to the system, or nobody reads it. */
export const deliver = (options: DeliveryOptions): Promise<Delivery> => new Relay(options).run();

class Relay implements ReplyReader {
  readonly #options: DeliveryOptions;
  #isOpen = false;
  /** There is something for the client, be it a sign of life. */
  #hasNews = false;
  /** Until the response has begun. */
  #held: Uint8Array[] = [];
  #sentMs = 0;
  #delivery: Delivery | null = null;
  #last: Uint8Array | null = null;
  #wake: (() => void) | null = null;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  piece({ bytes }: Piece): void {
    const isEmpty = bytes === null || bytes.length === 0;
    if (!this.#isOpen) {
      if (!isEmpty) this.#held.push(bytes);
      this.#hasNews = true;
      this.#wake?.();
    } else if (isEmpty) this.#keepAlive();
    else this.#send(bytes);
  }

  end(end: ReplyEnd, last: Piece | null): void {
    this.#last = last?.bytes ?? null;
    this.#finish(end);
  }

  async run(): Promise<Delivery> {
    const { client, reply, delivering } = this.#options;
    if (client.gone()) return this.#leave();
    const forget = client.onGone(() => this.#finish(this.#leave()));
    try {
      reply.start(this);
      // What is no stream is sent when it is whole: its head tells its length and its cost.
      if (!delivering.stream) await this.#end();
      else if (!this.#hasNews && this.#delivery === null) await this.#news();
      if (this.#delivery?.kind === 'complete') return await this.#sendWhole();
      // Nobody is there to read what was held.
      if (this.#delivery?.kind === 'hung_up') return this.#delivery;
      // Nothing of it is here: the client reads of it in a response of its own.
      if (this.#delivery !== null && (!delivering.stream || this.#held.length === 0))
        return this.#delivery;
      return await this.#sendStream();
    } finally {
      forget();
    }
  }

  #finish(delivery: Delivery): void {
    this.#delivery ??= delivery;
    this.#wake?.();
  }

  /** Resolves at the next piece that waits to be sent, or at the end. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #end(): Promise<Delivery> {
    for (;;) {
      if (this.#delivery !== null) return this.#delivery;
      await this.#news();
    }
  }

  #leave(): Delivery {
    const { client, reply } = this.#options;
    reply.leave();
    return { kind: 'hung_up', isSlow: client.isSlow() };
  }

  #send(bytes: Uint8Array): void {
    const { client, reply } = this.#options;
    this.#sentMs = performance.now();
    if (client.write(bytes)) return;
    reply.pause();
    client.whenDrained(() => reply.resume());
  }

  /** Between two events only: what was sent so far must be whole ones. */
  #keepAlive(): void {
    if (performance.now() - this.#sentMs >= this.#options.holdMs) this.#send(keepAlive);
  }

  /** Sends what was kept, or at least a sign of life; from now on all goes at once. */
  #open(): void {
    this.#isOpen = true;
    for (const bytes of this.#held) this.#send(bytes);
    if (this.#held.length === 0) this.#send(keepAlive);
    this.#held = [];
  }

  async #sendStream(): Promise<Delivery> {
    const { client, headers, onStream } = this.#options;
    client.begin(200, headers(null));
    onStream(true);
    this.#open();
    const delivery = await this.#end();
    onStream(false);
    return this.#sendRest(delivery);
  }

  /** The reply was whole before anything of it was sent. */
  async #sendWhole(): Promise<Delivery> {
    const { client, delivering, headers } = this.#options;
    const bytes = join(this.#last === null ? this.#held : [...this.#held, this.#last]);
    const isLarge = bytes.length > maxToldBytes;
    const booked = await (isLarge ? delivering.keep() : delivering.settle());
    client.begin(200, headers({ ...booked, lengthBytes: bytes.length }));
    this.#last = bytes.subarray(-maxToldBytes);
    if (!isLarge) return this.#sendLast();
    client.write(bytes.subarray(0, -maxToldBytes));
    return this.#sendRest({ kind: 'complete' });
  }

  /** The reply is accounted for; whether its client reads the last of it changes nothing any more. */
  async #sendLast(): Promise<Delivery> {
    await this.#options.client.end(this.#last);
    return { kind: 'complete' };
  }

  async #sendRest(delivery: Delivery): Promise<Delivery> {
    const { client, delivering, failed } = this.#options;
    switch (delivery.kind) {
      case 'complete':
        // What was sent before must have left, or a client that stopped reading long ago would count as answered.
        await client.ready();
        if (client.gone()) return { kind: 'hung_up', isSlow: client.isSlow() };
        await delivering.settle();
        return this.#sendLast();
      case 'fault':
        await client.end(delivery.isTold ? null : failed(delivery.fault));
        return delivery;
      case 'hung_up':
        return delivery;
    }
  }
}
