/** Which price holds for a model at a moment: overrides of the configuration first, then the vendor's price list. */
import { matches } from './plan.ts';
import type { Price, PriceTable } from './price.ts';

/** How a price list says which model names a price is for. Letters' case does not count, except in a regex. */
export type NameMatch =
  | {
      readonly kind: 'equals' | 'starts_with' | 'ends_with' | 'contains' | 'regex';
      readonly text: string;
    }
  | { readonly kind: 'any' | 'all'; readonly of: readonly NameMatch[] };

/** When a price holds. Seconds of the day are UTC; a span may run past midnight. */
export type When =
  | { readonly kind: 'always' }
  | { readonly kind: 'from'; readonly ms: number }
  | { readonly kind: 'daily'; readonly startSeconds: number; readonly endSeconds: number };

export interface ListedModel {
  readonly match: NameMatch;
  /** Later ones win over earlier ones; the first holds when none does. */
  readonly prices: readonly { readonly when: When; readonly price: Price }[];
}

/** Own prices of a configuration, by the provider's name there; a model's name may end in `*`. */
export interface OwnPrice {
  readonly provider: string;
  readonly model: string;
  readonly price: Price;
}

const fits = (match: NameMatch, name: string): boolean => {
  switch (match.kind) {
    case 'equals':
      return name === match.text;
    case 'starts_with':
      return name.startsWith(match.text);
    case 'ends_with':
      return name.endsWith(match.text);
    case 'contains':
      return name.includes(match.text);
    case 'regex':
      return new RegExp(match.text).test(name);
    case 'any':
      return match.of.some((one) => fits(one, name));
    case 'all':
      return match.of.every((one) => fits(one, name));
  }
};

const daySeconds = 86_400;

const holds = (when: When, atMs: number): boolean => {
  switch (when.kind) {
    case 'always':
      return true;
    case 'from':
      return atMs >= when.ms;
    case 'daily': {
      const seconds = (atMs / 1000) % daySeconds;
      const { startSeconds, endSeconds } = when;
      return endSeconds < startSeconds
        ? seconds >= startSeconds || seconds < endSeconds
        : seconds >= startSeconds && seconds < endSeconds;
    }
  }
};

const compactDate = /-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;

/** A name with its date written as lists write it: `-20250805` as `-2025-08-05`. */
const withDashedDate = (name: string): string => name.replace(compactDate, '-$1-$2-$3');

/** Model names looked up and kept; past it the cache starts anew. Names come from configuration and providers. */
const maxCached = 10_000;

/**
 * A table over price lists.
 * @param lists the models of each provider, by the provider's name in the configuration
 */
export const priceTable = (
  version: string,
  lists: ReadonlyMap<string, readonly ListedModel[]>,
  own: readonly OwnPrice[],
): PriceTable => {
  const exact = new Map(own.map(({ provider, model, price }) => [`${provider}\n${model}`, price]));
  // As with routes: a longer pattern says more.
  const patterns = own
    .filter(({ model }) => model.endsWith('*'))
    .toSorted((a, b) => b.model.length - a.model.length);
  const cache = new Map<string, ListedModel | Price | null>();
  const listed = (provider: string, name: string): ListedModel | null =>
    lists.get(provider)?.find(({ match }) => fits(match, name)) ?? null;
  const look = (provider: string, model: string): ListedModel | Price | null => {
    const name = model.toLowerCase().trim();
    return (
      exact.get(`${provider}\n${model}`) ??
      patterns.find((one) => one.provider === provider && matches(one.model, model))?.price ??
      listed(provider, name) ??
      listed(provider, withDashedDate(name))
    );
  };
  return {
    version,
    find(provider, model, atMs) {
      const key = `${provider}\n${model}`;
      let found = cache.get(key);
      if (found === undefined) {
        if (cache.size >= maxCached) cache.clear();
        found = look(provider, model);
        cache.set(key, found);
      }
      if (found === null || !('prices' in found)) return found;
      const { prices } = found;
      return (prices.findLast(({ when }) => holds(when, atMs)) ?? prices[0])?.price ?? null;
    },
  };
};
