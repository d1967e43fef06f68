/** All accounts of all budgets: found by call, opened when they are first asked for, bounded in number. */
import type { Budget, Subject } from '../../model/budget.ts';
import { openAccount, type Account } from './account.ts';
import { nothingTold, type Told } from './crossing.ts';
import { ScopeIndex } from './scope.ts';

/** A budget and its accounts. */
interface Entry {
  /** What a budget must have in common with another one to go on with its accounts. */
  readonly identity: string;
  budget: Budget;
  readonly accounts: Map<string, Holder>;
}

/** An account, in its budget. */
export interface Holder {
  readonly entry: Entry;
  readonly name: string;
  readonly account: Account;
  readonly told: Told;
}

const identityOf = ({ id, scope, unit, window }: Budget): string =>
  JSON.stringify([
    id,
    scope.toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1)),
    unit,
    window,
  ]);

export class Accounts {
  readonly #most: number;
  #entries = new Map<string, Entry>();
  /** By the ids of their budgets. */
  #byId = new Map<string, Entry>();
  #index = new ScopeIndex<Entry>();
  #count = 0;
  #evicted = 0;

  /** @param most of all budgets together, about; past it empty ones go, then those that were opened first and have no call in flight */
  constructor(budgets: readonly Budget[], most: number) {
    this.#most = most;
    this.adopt(budgets);
  }

  /** Accounts that had to go although something was in them. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Other budgets are in force from now on. One that only has another limit, mode or thresholds goes on with its accounts. */
  adopt(budgets: readonly Budget[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    this.#byId = new Map();
    this.#index = new ScopeIndex();
    this.#count = 0;
    for (const budget of budgets) {
      const identity = identityOf(budget);
      const accounts = new Map<string, Holder>();
      const entry = before.get(identity) ?? { identity, budget, accounts };
      entry.budget = budget;
      this.#entries.set(identity, entry);
      this.#byId.set(budget.id, entry);
      this.#index.add(budget, entry);
      this.#count += entry.accounts.size;
    }
  }

  /** The budgets that a call falls under. */
  budgetsOf(subject: Subject): readonly Budget[] {
    const budgets: Budget[] = [];
    this.#index.match(subject, ({ budget }) => budgets.push(budget));
    return budgets;
  }

  /** The accounts that a call falls under, as they are now; those that are not there yet are opened. */
  of(subject: Subject, nowMs: number): readonly Holder[] {
    if (this.#count >= this.#most) this.#makeRoom(nowMs);
    const holders: Holder[] = [];
    this.#index.match(subject, (entry, name) => holders.push(this.#holder(entry, name)));
    for (const { account } of holders) account.look(nowMs);
    return holders;
  }

  /** An account by its budget's identity and its name; null: there is no such budget any more. */
  find(identity: string, name: string): Holder | null {
    const entry = this.#entries.get(identity);
    return entry === undefined ? null : this.#holder(entry, name);
  }

  /** Those of one budget. */
  ofBudget(id: string): Iterable<Holder> {
    return this.#byId.get(id)?.accounts.values() ?? [];
  }

  *all(): Generator<Holder> {
    for (const { accounts } of this.#entries.values()) yield* accounts.values();
  }

  #holder(entry: Entry, name: string): Holder {
    const there = entry.accounts.get(name);
    if (there !== undefined) return there;
    const account = openAccount(entry.budget.window);
    const holder = { entry, name, account, told: nothingTold() };
    entry.accounts.set(name, holder);
    this.#count += 1;
    return holder;
  }

  /** Lets go of empty accounts; when that is not a tenth of all, of the oldest without a call in flight. */
  #makeRoom(nowMs: number): void {
    const wanted = Math.ceil(this.#most / 10);
    const before = this.#count;
    this.#remove((account) => {
      account.look(nowMs);
      return account.isEmpty();
    });
    let more = wanted - (before - this.#count);
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
        this.#count -= 1;
      }
  }
}
