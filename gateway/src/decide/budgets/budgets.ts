/**
 * May a call spend what it may come to? All budgets that it falls under are asked at once: either each holds the worst case for it,
 * or none does. What it turned out to spend takes the place of what was held, however it ended.
 */
import type { Amounts, Budget, Subject } from '../../model/budget.ts';
import { Accounts, type Holder } from './accounts.ts';
import { crossings, type Crossing } from './crossing.ts';

/** What is said of an account. */
export interface AccountState {
  readonly budget: Budget;
  /** The values of `each`, one after the other; empty: the budget has one account. */
  readonly account: string;
  readonly used: bigint;
  /** By calls that run. */
  readonly reserved: bigint;
  /** Where the window ends, epoch milliseconds; null: it is always the time before now, or ends nowhere. */
  readonly endsAtMs: number | null;
}

/** Why a call may not go on. */
export interface Short extends AccountState {
  readonly needed: bigint;
  /** What is neither used nor reserved. */
  readonly remaining: bigint;
  /** When there is room by the clock alone, epoch milliseconds; null: not by waiting. */
  readonly freeAtMs: number | null;
}

/** An account has passed something. */
export interface Passed extends AccountState {
  readonly crossing: Crossing;
}

interface Part {
  readonly holder: Holder;
  readonly part: number;
  held: bigint;
}

/** What a call has reserved. It ends once, with `settle`. */
export interface Hold {
  readonly parts: readonly Part[];
  isOver: boolean;
}

export type Reserved =
  | { readonly kind: 'held'; readonly hold: Hold }
  | { readonly kind: 'short'; readonly short: Short };

/** What was used of an account in one part of time. */
interface Used {
  readonly holder: Holder;
  readonly part: number;
  readonly used: bigint;
}

/** What a call that is over has used. */
export interface Settled {
  readonly passed: readonly Passed[];
  readonly booked: readonly Used[];
}

/** What was used of an account in one part of time, as it is kept for the next life of this process. */
export interface KeptUse {
  /** Of the budget. */
  readonly identity: string;
  readonly account: string;
  readonly part: number;
  readonly used: bigint;
  /** When it was last used, and until when it matters; epoch milliseconds. */
  readonly atMs: number;
  readonly untilMs: number;
}

const stateOf = ({ entry, name, account }: Holder): AccountState => ({
  budget: entry.budget,
  account: name,
  used: account.used,
  reserved: account.reserved,
  endsAtMs: account.endsAtMs,
});

/** Null: there is room for so much more. */
const shortOf = (holder: Holder, needed: bigint): Short | null => {
  const { entry, account } = holder;
  const { limit, mode } = entry.budget;
  const free = limit - account.used - account.reserved;
  if (mode === 'soft' || needed <= free) return null;
  return {
    ...stateOf(holder),
    needed,
    remaining: free > 0n ? free : 0n,
    freeAtMs: needed > limit ? null : account.freeAtMs(needed - free),
  };
};

/** Of two, the one to tell: whoever waits for the other would be refused again. */
const worse = (a: Short | null, b: Short): Short =>
  a === null || (b.freeAtMs ?? Infinity) > (a.freeAtMs ?? Infinity) ? b : a;

export class Budgets {
  readonly #accounts: Accounts;
  /** What was used since it was last taken to be kept. */
  #unkept = new Map<Holder, Map<number, bigint>>();

  /** @param maxAccounts see `Accounts` */
  constructor(budgets: readonly Budget[], maxAccounts: number) {
    this.#accounts = new Accounts(budgets, maxAccounts);
  }

  /** Other budgets are in force from now on; what is held of one that is gone is held of nothing. */
  adopt(budgets: readonly Budget[]): void {
    this.#accounts.adopt(budgets);
  }

  /** Accounts that had to go although something was in them. */
  get evicted(): number {
    return this.#accounts.evicted;
  }

  /** Whether a hard budget of money is among those of a call. */
  limitsMoney(subject: Subject): boolean {
    return this.#accounts
      .budgetsOf(subject)
      .some(({ unit, mode }) => unit === 'usd' && mode === 'hard');
  }

  /** Holds what a call may come to in all its budgets, or in none. @param nowMs epoch milliseconds */
  reserve(subject: Subject, needed: Amounts, nowMs: number): Reserved {
    const holders = this.#accounts.of(subject, nowMs);
    let short: Short | null = null;
    for (const holder of holders) {
      const one = shortOf(holder, needed[holder.entry.budget.unit]);
      if (one !== null) short = worse(short, one);
    }
    if (short !== null) return { kind: 'short', short };
    const parts = holders.map((holder): Part => {
      const held = needed[holder.entry.budget.unit];
      return { holder, held, part: holder.account.hold(held) };
    });
    return { kind: 'held', hold: { parts, isOver: false } };
  }

  /** Holds more for a call that goes on: as much as it has spent and may still spend. Null: it is held. */
  extend({ parts }: Hold, needed: Amounts, nowMs: number): Short | null {
    let short: Short | null = null;
    for (const { holder, held } of parts) {
      holder.account.look(nowMs);
      const more = needed[holder.entry.budget.unit] - held;
      const one = more > 0n ? shortOf(holder, more) : null;
      if (one !== null) short = worse(short, one);
    }
    if (short !== null) return short;
    for (const part of parts) {
      const more = needed[part.holder.entry.budget.unit] - part.held;
      if (more <= 0n) continue;
      part.holder.account.change(part.part, more, 0n);
      part.held += more;
    }
    return null;
  }

  /** The call is over, and this is what it spent. Once; a second time changes nothing. */
  settle(hold: Hold, spent: Amounts, nowMs: number): Settled {
    if (hold.isOver) return { passed: [], booked: [] };
    hold.isOver = true;
    const passed: Passed[] = [];
    const booked: Used[] = [];
    for (const { holder, part, held } of hold.parts) {
      const { entry, account, told } = holder;
      const used = spent[entry.budget.unit];
      account.change(part, -held, used);
      account.look(nowMs);
      if (used > 0n) booked.push({ holder, part, used });
      for (const crossing of crossings(entry.budget, account, told, nowMs))
        passed.push({ ...stateOf(holder), crossing });
    }
    return { passed, booked };
  }

  /** All accounts that something is in. @param budgetId of this budget only; left out: of all */
  *states(nowMs: number, budgetId?: string): Generator<AccountState> {
    const holders =
      budgetId === undefined ? this.#accounts.all() : this.#accounts.ofBudget(budgetId);
    for (const holder of holders) {
      holder.account.look(nowMs);
      if (!holder.account.isEmpty()) yield stateOf(holder);
    }
  }

  /** What a call has used is to be kept: its row has its number. */
  toKeep(booked: Settled['booked']): void {
    for (const { holder, part, used } of booked) {
      let parts = this.#unkept.get(holder);
      if (parts === undefined) this.#unkept.set(holder, (parts = new Map()));
      parts.set(part, (parts.get(part) ?? 0n) + used);
    }
  }

  /** What was used since the last time, to be kept. @param nowMs epoch milliseconds */
  takeUnkept(nowMs: number): readonly KeptUse[] {
    const taken = [...this.#unkept].flatMap(([{ entry, name, account }, parts]) =>
      [...parts].map(([part, used]): KeptUse => ({
        identity: entry.identity,
        account: name,
        part,
        used,
        atMs: nowMs,
        untilMs: account.mattersUntilMs(part),
      })),
    );
    this.#unkept = new Map();
    return taken.filter(({ untilMs }) => untilMs > nowMs);
  }

  /** What earlier lives of this process have used. Before the first call. */
  restore(kept: readonly KeptUse[], nowMs: number): void {
    for (const { identity, account, part, used, atMs } of kept.toSorted(
      (a, b) => a.part - b.part,
    )) {
      const holder = this.#accounts.find(identity, account);
      holder?.account.look(nowMs);
      holder?.account.restore(part, used, atMs);
    }
  }

  /** A call of an earlier life that was not kept yet: its row says what it spent. Before the first call. */
  replay(subject: Subject, spent: Amounts, startedAtMs: number, nowMs: number): void {
    for (const holder of this.#accounts.of(subject, nowMs)) {
      const { account, entry } = holder;
      const used = spent[entry.budget.unit];
      if (used === 0n) continue;
      const part = account.partAt(startedAtMs);
      account.restore(part, used, startedAtMs);
      this.toKeep([{ holder, part, used }]);
    }
  }
}
