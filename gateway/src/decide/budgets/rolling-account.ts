/** The account of a rolling window: at each moment what was let in within its length before it. */
import type { Account } from './account.ts';

/** What was let in within one part of a rolling window. */
interface Part {
  readonly number: number;
  used: bigint;
  reserved: bigint;
}

/** A rolling window leaves in so many steps: it is longer than it says by one of them at most, never shorter. */
const partsOfWindow = 600;

export class RollingAccount implements Account {
  used = 0n;
  reserved = 0n;
  readonly endsAtMs = null;
  readonly #lengthMs: number;
  readonly #partMs: number;
  /** Those with something in them, oldest first. */
  #parts: Part[] = [];
  #nowMs = -Infinity;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.#partMs = Math.max(1, lengthMs / partsOfWindow);
  }

  get windowNumber(): number {
    return Math.floor(this.#nowMs / this.#lengthMs);
  }

  look(nowMs: number): void {
    if (nowMs <= this.#nowMs) return;
    this.#nowMs = nowMs;
    const first = Math.floor((nowMs - this.#lengthMs) / this.#partMs);
    let gone = 0;
    for (const part of this.#parts) {
      if (part.number >= first) break;
      this.used -= part.used;
      this.reserved -= part.reserved;
      gone += 1;
    }
    if (gone > 0) this.#parts.splice(0, gone);
  }

  hold(amount: bigint): number {
    const number = Math.floor(this.#nowMs / this.#partMs);
    this.reserved += amount;
    const last = this.#parts.at(-1);
    if (last?.number === number) last.reserved += amount;
    else this.#parts.push({ number, used: 0n, reserved: amount });
    return number;
  }

  change(number: number, reserved: bigint, used: bigint): void {
    const part = this.#parts.findLast((one) => one.number === number);
    if (part === undefined) return;
    part.reserved += reserved;
    part.used += used;
    this.reserved += reserved;
    this.used += used;
  }

  freeAtMs(wanted: bigint): number | null {
    let free = 0n;
    for (const part of this.#parts) {
      free += part.used + part.reserved;
      if (free >= wanted) return Math.ceil((part.number + 1) * this.#partMs + this.#lengthMs);
    }
    return null;
  }

  isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  partAt(ms: number): number {
    return Math.floor(ms / this.#partMs);
  }

  mattersUntilMs(part: number): number {
    return (part + 1) * this.#partMs + this.#lengthMs;
  }

  restore(number: number, used: bigint): void {
    if (this.mattersUntilMs(number) <= this.#nowMs) return;
    const later = this.#parts.findIndex((part) => part.number >= number);
    const there = later === -1 ? undefined : this.#parts[later];
    if (there?.number === number) there.used += used;
    else
      this.#parts.splice(later === -1 ? this.#parts.length : later, 0, {
        number,
        used,
        reserved: 0n,
      });
    this.used += used;
  }
}
