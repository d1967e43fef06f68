/**
 * One account of a budget: what was used and what is reserved, in its window. What a call reserves belongs to the window in which it
 * was let in, and so does what it turns out to use: a window that is over is not charged any more, and the next one never was.
 */
import type { BudgetWindow } from '../../model/budget.ts';
import { spanAt, type Span } from './spans.ts';

export interface Account {
  /** Moves on to this time; a clock that went back moves nothing. Before everything else. @param nowMs epoch milliseconds */
  look(nowMs: number): void;
  /** In the window now. */
  readonly used: bigint;
  readonly reserved: bigint;
  /** Reserves so much. Answers which part of time it belongs to, for `change`. */
  hold(amount: bigint): number;
  /** So much more, or less, is reserved of what belongs to that part of time, and so much more was used. */
  change(part: number, reserved: bigint, used: bigint): void;
  /** When as much as `wanted` may have come free, epoch milliseconds; null: not by waiting. */
  freeAtMs(wanted: bigint): number | null;
  /** Where the window ends as a whole, epoch milliseconds; null: it has no end that is known. */
  readonly endsAtMs: number | null;
  /** Differs from one window to the next: what is told once in a window is told again. */
  readonly windowNumber: number;
  /** There is nothing in it that a new account would not have. */
  isEmpty(): boolean;
}

/** Spans are asked for by every account of a kind, and are the same for all of them. */
const lastSpans = new Map<string, Span>();
const maxSpans = 1000;

const cachedSpan = (window: BudgetWindow & { readonly kind: 'calendar' }, ms: number): Span => {
  const name = `${window.period} ${window.timeZone}`;
  const last = lastSpans.get(name);
  if (last !== undefined && ms >= last.startMs && ms < last.endMs) return last;
  const span = spanAt(window.period, window.timeZone, ms);
  if (lastSpans.size >= maxSpans) lastSpans.clear();
  lastSpans.set(name, span);
  return span;
};

class CalendarAccount implements Account {
  used = 0n;
  reserved = 0n;
  #span: Span = { startMs: -Infinity, endMs: -Infinity };
  readonly #window: BudgetWindow & { readonly kind: 'calendar' };

  constructor(window: BudgetWindow & { readonly kind: 'calendar' }) {
    this.#window = window;
  }

  get endsAtMs(): number {
    return this.#span.endMs;
  }

  get windowNumber(): number {
    return this.#span.startMs;
  }

  look(nowMs: number): void {
    if (nowMs < this.#span.endMs) return;
    this.#span = cachedSpan(this.#window, nowMs);
    this.used = 0n;
    this.reserved = 0n;
  }

  hold(amount: bigint): number {
    this.reserved += amount;
    return this.#span.startMs;
  }

  change(part: number, reserved: bigint, used: bigint): void {
    if (part !== this.#span.startMs) return;
    this.reserved += reserved;
    this.used += used;
  }

  freeAtMs(): number {
    return this.#span.endMs;
  }

  isEmpty(): boolean {
    return this.used === 0n && this.reserved === 0n;
  }
}

/** What was let in within one part of a rolling window. */
interface Part {
  readonly number: number;
  used: bigint;
  reserved: bigint;
}

/** A rolling window leaves in so many steps: it is longer than it says by one of them at most, never shorter. */
const partsOfWindow = 600;

class RollingAccount implements Account {
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
}

/** A trace or session that was not heard of for so long begins anew. */
const lifeIdleMs = 24 * 3_600_000;

/** Without an end that is known: a life. */
class LifeAccount implements Account {
  used = 0n;
  reserved = 0n;
  readonly endsAtMs = null;
  windowNumber = 0;
  #nowMs = -Infinity;
  #heldMs = -Infinity;

  look(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    if (this.used === 0n || !this.isEmpty()) return;
    this.used = 0n;
    this.windowNumber += 1;
  }

  hold(amount: bigint): number {
    this.reserved += amount;
    this.#heldMs = this.#nowMs;
    return this.windowNumber;
  }

  change(part: number, reserved: bigint, used: bigint): void {
    if (part !== this.windowNumber) return;
    this.reserved += reserved;
    this.used += used;
  }

  freeAtMs(): null {
    return null;
  }

  isEmpty(): boolean {
    return this.reserved === 0n && (this.used === 0n || this.#nowMs - this.#heldMs > lifeIdleMs);
  }
}

/** What is taken while calls run. */
class FlightAccount implements Account {
  readonly used = 0n;
  reserved = 0n;
  readonly endsAtMs = null;
  readonly windowNumber = 0;

  look(): void {}

  hold(amount: bigint): number {
    this.reserved += amount;
    return 0;
  }

  change(_part: number, reserved: bigint): void {
    this.reserved += reserved;
  }

  freeAtMs(): null {
    return null;
  }

  isEmpty(): boolean {
    return this.reserved === 0n;
  }
}

/** An account with nothing in it. */
export const openAccount = (window: BudgetWindow): Account => {
  switch (window.kind) {
    case 'calendar':
      return new CalendarAccount(window);
    case 'rolling':
      return new RollingAccount(window.lengthMs);
    case 'life':
      return new LifeAccount();
    case 'flight':
      return new FlightAccount();
  }
};
