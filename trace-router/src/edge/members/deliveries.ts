import type { Answer } from '../../model/answer.ts';
import type { PartEnd } from './queue.ts';

const retryAfterMs = 1000;
export const busy = (message: string): Answer => ({ kind: 'busy', message, retryAfterMs });

/** A request whose parts are on their way. */
export class Delivery {
  readonly #done = Promise.withResolvers<void>();
  #open: number;
  #rejectedSpans = 0;
  #message = '';
  #expired = false;

  constructor(parts: number) {
    this.#open = parts;
    if (parts === 0) this.#done.resolve();
  }

  /** A part of it, of so many spans, has come to its end. */
  ended(how: PartEnd, spans: number): void {
    if (how.kind === 'delivered') this.#rejectedSpans += how.rejectedSpans;
    else if (how.kind === 'refused') this.#rejectedSpans += spans;
    else this.#expired = true;
    if ('message' in how && how.message !== '') this.#message = how.message;
    this.#open -= 1;
    if (this.#open === 0) this.#done.resolve();
  }

  /** Waits as long as the client does. Null: not done yet. */
  async answer(patienceMs: number): Promise<Answer | null> {
    if (this.#open > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, patienceMs);
      await Promise.race([this.#done.promise, promise]);
      clearTimeout(timer);
    }
    if (this.#open > 0) return null;
    return this.#expired
      ? busy('a member did not take its spans in time')
      : { kind: 'accepted', rejectedSpans: this.#rejectedSpans, message: this.#message };
  }
}

/** Deliveries that a client was told to ask for again, remembered at most. */
const maxUnanswered = 10_000;

/** Deliveries whose clients were told to come back, by the digest of their request; the oldest forgotten first. */
export class Unanswered {
  readonly #deliveries = new Map<string, Delivery>();

  /** Asked before a digest is made, which costs more than the rest of a lookup. */
  get empty(): boolean {
    return this.#deliveries.size === 0;
  }

  find(digest: string): Delivery | undefined {
    return this.#deliveries.get(digest);
  }

  remember(digest: string, delivery: Delivery): void {
    this.#deliveries.set(digest, delivery);
    const [oldest] = this.#deliveries.keys();
    if (this.#deliveries.size > maxUnanswered && oldest !== undefined) this.forget(oldest);
  }

  forget(digest: string): void {
    this.#deliveries.delete(digest);
  }
}
