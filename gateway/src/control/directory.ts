/** What the control store holds, at hand: the data plane reads this and never waits for the store. */
import type { Budget } from '../model/budget.ts';
import type { Caller } from '../model/call.ts';
import { budgetIn } from './budgets.ts';
import { callerOf, limitsOf } from './keys.ts';
import type { BudgetRecord, ControlRecord, KeyRecord } from './records.ts';

/** A record that is there now, or that is gone. */
export type Changed =
  | { readonly kind: 'there'; readonly record: ControlRecord }
  | { readonly kind: 'gone'; readonly of: ControlRecord['kind']; readonly id: string };

/** The key of a secret, and until when it is one; epoch milliseconds. */
export interface KnownSecret {
  readonly caller: Caller;
  readonly untilMs: number;
}

export class Directory {
  readonly #keys = new Map<string, KeyRecord>();
  readonly #budgets = new Map<string, BudgetRecord>();
  readonly #byHash = new Map<string, KnownSecret>();

  apply(changes: readonly Changed[]): void {
    for (const change of changes) {
      const [of, id] =
        change.kind === 'there' ? [change.record.kind, change.record.id] : [change.of, change.id];
      if (of === 'budget') this.#budgets.delete(id);
      else this.#forgetKey(id);
      if (change.kind === 'gone') continue;
      const { record } = change;
      if (record.kind === 'budget') this.#budgets.set(id, record);
      else this.#addKey(record);
    }
  }

  key(id: string): KeyRecord | null {
    return this.#keys.get(id) ?? null;
  }

  budget(id: string): BudgetRecord | null {
    return this.#budgets.get(id) ?? null;
  }

  keys(): readonly KeyRecord[] {
    return [...this.#keys.values()];
  }

  budgets(): readonly BudgetRecord[] {
    return [...this.#budgets.values()];
  }

  /** Whose secret has this hash; null: nobody's. */
  find(hash: string): KnownSecret | null {
    return this.#byHash.get(hash) ?? null;
  }

  /** All budgets that calls fall under: those made as budgets, and the limits of keys. */
  inForce(): readonly Budget[] {
    const made = this.budgets().flatMap((record) => budgetIn(record) ?? []);
    return [...made, ...this.keys().flatMap(limitsOf)];
  }

  #addKey(key: KeyRecord): void {
    this.#keys.set(key.id, key);
    const caller = callerOf(key);
    for (const { hash, untilMs } of key.hashes)
      this.#byHash.set(hash, {
        caller,
        untilMs: Math.min(untilMs ?? Infinity, key.expiresAtMs ?? Infinity),
      });
  }

  #forgetKey(id: string): void {
    for (const { hash } of this.#keys.get(id)?.hashes ?? []) this.#byHash.delete(hash);
    this.#keys.delete(id);
  }
}
