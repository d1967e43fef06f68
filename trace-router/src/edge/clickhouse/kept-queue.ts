import type { RouterConfig } from '../../config/config.ts';
import type { KeptRows } from '../../model/kept-rows.ts';

/** Kept traces until they are written, in the order in which they came. What is taken counts until it is let go of. */
export class KeptQueue {
  readonly #limits: RouterConfig['write'];
  readonly #waiting: KeptRows[] = [];
  #bytes = 0;
  #spans = 0;

  constructor(limits: RouterConfig['write']) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes >= this.#limits.queueBytes;
  }

  /** Nothing waits; what was taken may still be under way. */
  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** There is enough for an insert. Asked only while none runs: what waits is then all that is counted. */
  get enough(): boolean {
    return this.#bytes >= this.#limits.batchBytes || this.#spans >= this.#limits.batchRows;
  }

  add(kept: KeptRows): void {
    this.#waiting.push(kept);
    this.#bytes += kept.rows.length;
    this.#spans += kept.spans;
  }

  /** As many as fit into one insert, at least one. */
  take(): readonly KeptRows[] {
    const { batchRows, batchBytes } = this.#limits;
    let [spans, bytes, count] = [0, 0, 0];
    for (const kept of this.#waiting) {
      if (count > 0 && (spans + kept.spans > batchRows || bytes + kept.rows.length > batchBytes))
        break;
      spans += kept.spans;
      bytes += kept.rows.length;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  takeAll(): readonly KeptRows[] {
    return this.#waiting.splice(0);
  }

  letGo(batch: readonly KeptRows[]): void {
    for (const { rows, spans } of batch) {
      this.#bytes -= rows.length;
      this.#spans -= spans;
    }
  }
}
