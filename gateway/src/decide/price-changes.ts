/** What other prices would change, summed for people: by team, provider and model. */
import type { KeptBecause, Repriced, StoredCall } from './reprice.ts';

/** Money before and after; list is what the vendor's list asks. Pico-dollars. */
export interface Change {
  readonly attempts: number;
  readonly costBefore: bigint;
  readonly costAfter: bigint;
  readonly listBefore: bigint;
  readonly listAfter: bigint;
}

export interface ChangeOf extends Change {
  readonly team: string;
  readonly provider: string;
  readonly model: string;
}

export interface PriceChanges {
  readonly calls: number;
  /** Calls of which a correction is needed. */
  readonly changedCalls: number;
  /** Attempts that had no whole price and have one now. */
  readonly nowPriced: number;
  /** Attempts that keep their cost, by why. */
  readonly kept: Readonly<Partial<Record<KeptBecause, number>>>;
  readonly total: Change;
  /** The greatest difference first. */
  readonly groups: readonly ChangeOf[];
}

const noChange: Change = {
  attempts: 0,
  costBefore: 0n,
  costAfter: 0n,
  listBefore: 0n,
  listAfter: 0n,
};

const sum = (a: Change, b: Change): Change => ({
  attempts: a.attempts + b.attempts,
  costBefore: a.costBefore + b.costBefore,
  costAfter: a.costAfter + b.costAfter,
  listBefore: a.listBefore + b.listBefore,
  listAfter: a.listAfter + b.listAfter,
});

const totalOf = (costs: Readonly<Record<string, bigint>>): bigint =>
  Object.values(costs).reduce((total, cost) => total + cost, 0n);

const differenceOf = ({ costBefore, costAfter }: Change): bigint =>
  costAfter < costBefore ? costBefore - costAfter : costAfter - costBefore;

/** Sums up calls, one at a time. */
export class PriceChangeSums {
  #calls = 0;
  #changedCalls = 0;
  #nowPriced = 0;
  #total = noChange;
  readonly #kept = new Map<KeptBecause, number>();
  readonly #groups = new Map<string, ChangeOf>();

  add(team: string, before: StoredCall, after: Repriced): void {
    this.#calls += 1;
    if (after.isChanged) this.#changedCalls += 1;
    for (const [i, then] of before.attempts.entries()) {
      const now = after.attempts[i];
      if (now === undefined) continue;
      if (now.kept !== null) this.#kept.set(now.kept, (this.#kept.get(now.kept) ?? 0) + 1);
      const was = ['unpriced', 'partly_unpriced'].includes(then.priceStatus);
      if (was && ['priced', 'free'].includes(now.priceStatus)) this.#nowPriced += 1;
      const [costBefore, costAfter] = [totalOf(then.costs), totalOf(now.costs)];
      const one: Change = {
        attempts: 1,
        costBefore,
        costAfter,
        listBefore: costBefore + then.discount,
        listAfter: costAfter + now.discount,
      };
      this.#total = sum(this.#total, one);
      const { provider, model } = then;
      const key = JSON.stringify([team, provider, model]);
      const group = this.#groups.get(key) ?? noChange;
      this.#groups.set(key, { team, provider, model, ...sum(group, one) });
    }
  }

  result(): PriceChanges {
    return {
      calls: this.#calls,
      changedCalls: this.#changedCalls,
      nowPriced: this.#nowPriced,
      kept: Object.fromEntries(this.#kept),
      total: this.#total,
      groups: [...this.#groups.values()].toSorted((a, b) => {
        const [one, other] = [differenceOf(a), differenceOf(b)];
        return one === other ? 0 : one < other ? 1 : -1;
      }),
    };
  }
}
