/**
 * Which price holds for a model of a provider at a moment: prices of our own before the vendor's list, and those by the name
 * that was asked for before those by the name that the provider answers with.
 */
import { matches } from '../decide/plan.ts';
import type { Price, PriceTable } from '../decide/price.ts';
import { foundIn, type Found } from './find-name.ts';
import { compiled, listedAt, overlaid, priceOf, type Listed, type ListedNow } from './listed.ts';
import type { OwnPrice } from './own-price.ts';
import { namedRates } from './rates.ts';
import type { Model, Vendor } from './sheet.ts';
import { holds, spanOf } from './span.ts';

type Names = Parameters<PriceTable['find']>[1];
type By = 'asked' | 'answered';

/** How a price was found, for people. */
export interface Explanation {
  readonly price: Price | null;
  /** The price of our own that counts, and by which name; null: none does. */
  readonly own: OwnPrice | null;
  readonly ownBy: By;
  /** The entry of the vendor's lists, and by which name; null: none fits. */
  readonly entry: Found | null;
  readonly entryBy: By;
}

export interface ExplainingTable extends PriceTable {
  /** Finds a price as `find` does, and says how. */
  explain(provider: string, names: Names, atMs: number): Explanation;
}

/** Names looked up and kept; past it the cache starts anew. Names come from configuration and providers. */
const maxCached = 10_000;

/**
 * A table over price lists.
 * @param lists of each provider, by its name in the configuration: of several the first that knows a name counts
 */
export const priceTable = (
  version: string,
  lists: ReadonlyMap<string, readonly (readonly Model[])[]>,
  own: readonly OwnPrice[],
): ExplainingTable => {
  const ready = new Map<Model, Listed>();
  const names = new Map<string, Found | null>();
  const made = new Map<string, Price>();
  const lookUp = (provider: string, model: string): Found | null => {
    const key = `${provider}\n${model}`;
    const known = names.get(key);
    if (known !== undefined) return known;
    const found = foundIn(lists.get(provider) ?? [], model);
    if (names.size >= maxCached) names.clear();
    names.set(key, found);
    return found;
  };
  /** By the name answered, but for one that only a part of it fits where the name asked for is listed in full. */
  const entryFor = (provider: string, { asked, answered }: Names): Found | null => {
    const byAnswered = lookUp(provider, answered);
    const byAsked = byAnswered?.isWhole === true ? null : lookUp(provider, asked);
    return byAsked?.isWhole === true ? byAsked : (byAnswered ?? byAsked);
  };
  const listed = (provider: string, name: Names, atMs: number): ListedNow | null => {
    const found = entryFor(provider, name);
    if (found === null) return null;
    let list = ready.get(found.model);
    if (list === undefined) ready.set(found.model, (list = compiled(found.model, ready.size)));
    return listedAt(list, atMs);
  };
  const once = (key: string, make: () => Price): Price => {
    let price = made.get(key);
    if (price === undefined) {
      if (made.size >= maxCached) made.clear();
      made.set(key, (price = make()));
    }
    return price;
  };

  const ownPrices = own
    // As with routes: a whole name says more than a pattern, a longer pattern more than a shorter one.
    .map((price) => ({ price, span: spanOf(price), named: namedRates(price.usd) }))
    .toSorted(
      (a, b) =>
        Number(a.price.model.endsWith('*')) - Number(b.price.model.endsWith('*')) ||
        b.price.model.length - a.price.model.length,
    );
  const ownFor = (provider: string, model: string, atMs: number) =>
    ownPrices.findIndex(
      ({ price, span }) =>
        price.provider === provider &&
        (price.model === model || matches(price.model, model)) &&
        holds(span, atMs),
    );
  const ownAt = (provider: string, { asked, answered }: Names, atMs: number): number => {
    const byAsked = ownFor(provider, asked, atMs);
    return byAsked >= 0 ? byAsked : ownFor(provider, answered, atMs);
  };
  const find = (provider: string, name: Names, atMs: number): Price | null => {
    const at = ownAt(provider, name, atMs);
    const list = listed(provider, name, atMs);
    const mine = ownPrices[at];
    if (mine !== undefined)
      return once(`own ${at} ${list?.key ?? ''}`, () => overlaid(mine.price, mine.named, list));
    if (list === null) return null;
    return once(list.key, () => priceOf(list.id, list.named, list.variants, null));
  };

  return {
    version,
    find,
    explain(provider, name, atMs) {
      const at = ownAt(provider, name, atMs);
      const own = ownPrices[at]?.price ?? null;
      const entry = entryFor(provider, name);
      return {
        price: find(provider, name, atMs),
        own,
        ownBy: at === ownFor(provider, name.asked, atMs) ? 'asked' : 'answered',
        entry,
        entryBy: entry === lookUp(provider, name.answered) ? 'answered' : 'asked',
      };
    },
  };
};

/** A vendor's list, and after it those of the vendors whose models it also serves. Throws when there is no such vendor. */
export const listsOf = (
  vendors: ReadonlyMap<string, Vendor>,
  name: string,
): readonly (readonly Model[])[] => {
  const vendor = vendors.get(name);
  if (vendor === undefined) throw new Error(`the price catalogue has no vendor ${name}`);
  return [vendor.models, ...vendor.fallback.map((other) => vendors.get(other)?.models ?? [])];
};
