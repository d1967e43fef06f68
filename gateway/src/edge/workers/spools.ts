/** Who sees to the spools that no worker writes to: one worker that serves, and another one when that one ends. */
import type { Slot } from './slot.ts';

const answerMs = 15_000;

export class Orphans {
  readonly #slots: readonly Slot[];
  readonly #spools: Set<number>;
  #adopter: Slot | null = null;
  /** What the adopter was told to see to. */
  #told = new Set<number>();

  /** @param spools of workers that are not wanted any more */
  constructor(slots: readonly Slot[], spools: readonly number[]) {
    this.#slots = slots;
    this.#spools = new Set(spools);
  }

  add(worker: number): void {
    this.#spools.add(worker);
    this.assign();
  }

  /** The spool is free for its own worker when this resolves, unless the adopter gives no answer: then the lock decides. */
  async remove(worker: number): Promise<void> {
    if (!this.#spools.delete(worker)) return;
    this.#told.delete(worker);
    await this.#adopter?.ask('release', worker, answerMs);
  }

  /** To be called whenever a worker has become ready, or has ended. */
  assign(): void {
    if (this.#adopter?.isReady() !== true) {
      this.#adopter = this.#slots.find((slot) => slot.isReady()) ?? null;
      this.#told = new Set();
    }
    for (const worker of this.#spools) {
      if (this.#adopter === null || this.#told.has(worker)) continue;
      this.#told.add(worker);
      void this.#adopter.ask('adopt', worker, answerMs);
    }
  }
}
