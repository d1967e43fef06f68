/**
 * One account of a budget: what was used and what is reserved, in its window. What a call reserves belongs to the window in which it
 * was let in, and so does what it turns out to use: a window that is over is not charged any more, and the next one never was.
 */
import type { BudgetWindow } from '../../model/budget.ts';
import { RollingAccount } from './rolling-account.ts';
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
  /** Which part of time a moment belongs to. */
  partAt(ms: number): number;
  /** Until when it matters what was used in a part, epoch milliseconds. */
  mattersUntilMs(part: number): number;
  /** Adds what was used before this account was opened, at `ms`; of parts in ascending order. */
  restore(part: number, used: bigint, ms: number): void;
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

  partAt(ms: number): number {
    return cachedSpan(this.#window, ms).startMs;
  }

  mattersUntilMs(part: number): number {
    return cachedSpan(this.#window, part).endMs;
  }

  restore(part: number, used: bigint): void {
    if (part === this.#span.startMs) this.used += used;
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

  partAt(): number {
    return this.windowNumber;
  }

  mattersUntilMs(): number {
    return this.#heldMs + lifeIdleMs;
  }

  restore(part: number, used: bigint, ms: number): void {
    if (part > this.windowNumber) {
      this.windowNumber = part;
      this.used = 0n;
    }
    this.used += used;
    this.#heldMs = Math.max(this.#heldMs, ms);
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

  partAt(): number {
    return 0;
  }

  mattersUntilMs(): number {
    return -Infinity;
  }

  restore(): void {}
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
