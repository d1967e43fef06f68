import type { Decision } from '../model/decision.ts';

/** Decisions by trace id, the oldest forgotten first. */
export class Remembered {
  readonly #capacity: number;
  readonly #decisions = new Map<string, Decision>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#decisions.size;
  }

  get(traceId: string): Decision | undefined {
    return this.#decisions.get(traceId);
  }

  add(traceId: string, decision: Decision): void {
    if (this.#capacity === 0) return;
    this.#decisions.delete(traceId);
    this.#decisions.set(traceId, decision);
    if (this.#decisions.size <= this.#capacity) return;
    const [oldest] = this.#decisions.keys();
    if (oldest !== undefined) this.#decisions.delete(oldest);
  }
}
