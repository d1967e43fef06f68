/**
 * May a call spend what it may come to? All budgets that it falls under are asked at once: either each holds the worst case for it,
 * or none does. What it turned out to spend takes the place of what was held, however it ended.
 */
import type { Amounts, Budget, Subject } from '../../model/budget.ts';
import { openAccount, type Account } from './account.ts';
import { crossings, nothingTold, type Crossing, type Told } from './crossing.ts';
import { ScopeIndex } from './scope.ts';

/** A budget and its accounts. */
interface Entry {
  budget: Budget;
  readonly accounts: Map<string, Holder>;
}

/** An account, in its budget. */
interface Holder {
  readonly entry: Entry;
  readonly name: string;
  readonly account: Account;
  readonly told: Told;
}

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

/** What two budgets must have in common for the one to go on with the accounts of the other. */
const identityOf = ({ id, scope, unit, window }: Budget): string =>
  JSON.stringify([
    id,
    scope.toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1)),
    unit,
    window,
  ]);

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
  readonly #maxAccounts: number;
  #entries = new Map<string, Entry>();
  #index = new ScopeIndex<Entry>();
  #accounts = 0;
  #evicted = 0;

  /** @param maxAccounts of all budgets together, about; past it empty ones go, then those that were opened first and have no call in flight */
  constructor(budgets: readonly Budget[], maxAccounts: number) {
    this.#maxAccounts = maxAccounts;
    this.adopt(budgets);
  }

  /**
   * Other budgets are in force from now on. One that only has another limit, mode or thresholds goes on with its accounts; what is
   * held of one that is gone is held of nothing.
   */
  adopt(budgets: readonly Budget[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    this.#index = new ScopeIndex();
    this.#accounts = 0;
    for (const budget of budgets) {
      const identity = identityOf(budget);
      const entry = before.get(identity) ?? { budget, accounts: new Map<string, Holder>() };
      entry.budget = budget;
      this.#entries.set(identity, entry);
      this.#index.add(budget, entry);
      this.#accounts += entry.accounts.size;
    }
  }

  /** Accounts that had to go although something was in them. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Holds what a call may come to in all its budgets, or in none. @param nowMs epoch milliseconds */
  reserve(subject: Subject, needed: Amounts, nowMs: number): Reserved {
    if (this.#accounts >= this.#maxAccounts) this.#makeRoom(nowMs);
    const holders: Holder[] = [];
    this.#index.match(subject, (entry, name) => holders.push(this.#holder(entry, name)));
    let short: Short | null = null;
    for (const holder of holders) {
      holder.account.look(nowMs);
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

  /** Whether a hard budget of money is among those of a call. */
  limitsMoney(subject: Subject): boolean {
    let found = false;
    this.#index.match(subject, ({ budget }) => {
      found ||= budget.unit === 'usd' && budget.mode === 'hard';
    });
    return found;
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

  /** The call is over, and this is what it spent. Answers what was passed by it. Once; a second time changes nothing. */
  settle(hold: Hold, spent: Amounts, nowMs: number): readonly Passed[] {
    if (hold.isOver) return [];
    hold.isOver = true;
    const passed: Passed[] = [];
    for (const { holder, part, held } of hold.parts) {
      const { entry, account, told } = holder;
      account.change(part, -held, spent[entry.budget.unit]);
      account.look(nowMs);
      for (const crossing of crossings(entry.budget, account, told, nowMs))
        passed.push({ ...stateOf(holder), crossing });
    }
    return passed;
  }

  /** All accounts that something is in. */
  *states(nowMs: number): Generator<AccountState> {
    for (const { accounts } of this.#entries.values())
      for (const holder of accounts.values()) {
        holder.account.look(nowMs);
        if (!holder.account.isEmpty()) yield stateOf(holder);
      }
  }

  #holder(entry: Entry, name: string): Holder {
    const there = entry.accounts.get(name);
    if (there !== undefined) return there;
    const account = openAccount(entry.budget.window);
    const holder = { entry, name, account, told: nothingTold() };
    entry.accounts.set(name, holder);
    this.#accounts += 1;
    return holder;
  }

  /** Lets go of empty accounts; when that is not a tenth of all, of the oldest without a call in flight. */
  #makeRoom(nowMs: number): void {
    const wanted = Math.ceil(this.#maxAccounts / 10);
    const before = this.#accounts;
    this.#remove((account) => {
      account.look(nowMs);
      return account.isEmpty();
    });
    let more = wanted - (before - this.#accounts);
    this.#remove(({ reserved }) => {
      if (more <= 0 || reserved !== 0n) return false;
      more -= 1;
      this.#evicted += 1;
      return true;
    });
  }

  #remove(which: (account: Account) => boolean): void {
    for (const { accounts } of this.#entries.values())
      for (const [name, { account }] of accounts) {
        if (!which(account)) continue;
        accounts.delete(name);
        this.#accounts -= 1;
      }
  }
}
