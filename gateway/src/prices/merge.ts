/**
 * One catalogue of two sources. Where both list a price and do not agree, or where one knows a model by its full name that
 * the other takes for another one by a part of it, neither is believed: a person decides, and the decision is kept with its
 * source and date (`prices/reviewed.json`).
 */
import type { TokenType } from '../contract/ledger.ts';
import type { GenaiPrices } from './genai-prices.ts';
import type { Litellm } from './litellm.ts';
import { fit } from './match.ts';
import type {
  Line,
  Model,
  NameMatch,
  Period,
  PricedUnit,
  Sheet,
  Variant,
  Vendor,
} from './sheet.ts';

type LineName = TokenType | PricedUnit;

/** A decision about a name on which the sources disagree. */
export interface Review {
  readonly vendor: string;
  /** A model's name, or a pattern that ends in `*`. */
  readonly model: string;
  /** Whose price holds. */
  readonly take: string;
  readonly because: string;
  /** Where it was looked up, and when. */
  readonly source: string;
  readonly date: string;
}

export interface Disagreement {
  readonly vendor: string;
  readonly model: string;
  /** The entry of the first source that the name fits. */
  readonly entry: string;
  readonly fit: 'exact' | 'loose';
  /** `input_uncached: 2 against 1.5`, a line each. */
  readonly lines: readonly string[];
}

export interface Merged {
  readonly vendors: ReadonlyMap<string, Vendor>;
  /** Undecided. */
  readonly disagreements: readonly Disagreement[];
  /** Decisions that decide nothing any more. */
  readonly unused: readonly Review[];
}

const text = ({ usd, above = [] }: Line): string =>
  [usd, ...above.map(({ tokens, usd: dearer }) => `above ${tokens} ${dearer}`)].join(', ');

/** Decimal text without zeros to spare. */
const plain = (usd: string): string => (usd.includes('.') ? usd.replace(/\.?0+$/, '') : usd);

const isSame = (a: Line, b: Line): boolean =>
  plain(a.usd) === plain(b.usd) &&
  // A source that knows no tiers says nothing against them.
  ((a.above ?? []).length === 0 ||
    (b.above ?? []).length === 0 ||
    JSON.stringify(a.above?.map(({ tokens, usd }) => [tokens, plain(usd)])) ===
      JSON.stringify(b.above?.map(({ tokens, usd }) => [tokens, plain(usd)])));

const namesOf = (sheet: Sheet): readonly LineName[] => {
  const names: LineName[] = [];
  let name: LineName;
  for (name in sheet) names.push(name);
  return names;
};

const differences = (a: Sheet, b: Sheet): readonly string[] =>
  namesOf(a).flatMap((name) => {
    const [mine, theirs] = [a[name], b[name]];
    return mine === undefined || theirs === undefined || isSame(mine, theirs)
      ? []
      : [`${name}: ${text(mine)} against ${text(theirs)}`];
  });

/** What holds on a day, at any time of it. */
const sheetsOn = (model: Model, day: string): readonly Sheet[] => {
  const begun = model.prices.filter(({ from }) => from === undefined || from <= day);
  const dated = begun.findLast(({ daily }) => daily === undefined);
  const daily = begun.filter(({ daily: times }) => times !== undefined);
  return [...(dated === undefined ? [] : [dated.usd]), ...daily.map(({ usd }) => usd)];
};

/** Lines of `more` that `sheet` lacks, added to it. */
const completed = (sheet: Sheet, more: Sheet): Sheet => ({ ...more, ...sheet });

const nameOf = ({ dimension, value }: Variant): string => `${dimension}=${value}`;

/** One entry for a full name: the first source's history with what only the second one knows. */
const together = (model: Model, name: string, other: Model): Model => {
  const more = other.prices[0]?.usd ?? {};
  const known = new Set((model.variants ?? []).map(nameOf));
  const variants = [
    ...(model.variants ?? []),
    ...(other.variants ?? []).filter((variant) => !known.has(nameOf(variant))),
  ];
  return {
    id: other.id,
    match: { equals: name },
    prices: model.prices.map((period): Period => ({ ...period, usd: completed(period.usd, more) })),
    ...(variants.length === 0 ? {} : { variants }),
    source: `${model.source}, ${other.source}`,
  };
};

const decides = ({ vendor, model }: Review, of: Pick<Disagreement, 'vendor' | 'model'>): boolean =>
  vendor === of.vendor &&
  (model.endsWith('*') ? of.model.startsWith(model.slice(0, -1)) : model === of.model);

const scale = 10n ** 12n;
const units = (usd: string): bigint => {
  const [whole = '0', fraction = ''] = usd.split('.');
  return BigInt(whole) * scale + BigInt(fraction.padEnd(12, '0'));
};
const asText = (amount: bigint): string =>
  plain(`${amount / scale}.${String(amount % scale).padStart(12, '0')}`);

/** A model that was trained on reads from a cache at the discount of the model it was made of, where its list does not say. */
const withBaseDiscount = (model: Model, name: string, models: readonly Model[]): Model => {
  if (!name.startsWith('ft:')) return model;
  const base = models.find(({ match }) => fit(match, name.slice(3)) === 'exact');
  const standard = base?.prices.at(-1)?.usd;
  const [input, read] = [standard?.input_uncached, standard?.input_cache_read];
  if (input === undefined || read === undefined || units(input.usd) === 0n) return model;
  return {
    ...model,
    prices: model.prices.map((period) => {
      const own = period.usd.input_uncached;
      if (own === undefined || period.usd.input_cache_read !== undefined) return period;
      const usd = asText((units(own.usd) * units(read.usd)) / units(input.usd));
      return { ...period, usd: { ...period.usd, input_cache_read: { usd } } };
    }),
  };
};

/** Names whose entries are alike are one entry, called like the first of them. */
const gathered = (models: readonly Model[]): readonly Model[] => {
  const byRest = new Map<string, Model & { match: { or: NameMatch[] } }>();
  for (const { id, match, ...rest } of models) {
    const key = JSON.stringify(rest);
    const found = byRest.get(key);
    if (found === undefined) byRest.set(key, { id, ...rest, match: { or: [match] } });
    else found.match.or.push(match);
  }
  return [...byRest.values()].map(({ match, ...rest }) => {
    const [only, ...more] = match.or;
    return { ...rest, match: only !== undefined && more.length === 0 ? only : match };
  });
};

/** Makes one catalogue of both sources. The second one knows no history: it holds for the day on which it was fetched. */
export const merge = (genai: GenaiPrices, litellm: Litellm, reviews: readonly Review[]): Merged => {
  const { day } = litellm.source;
  const disagreements: Disagreement[] = [];
  const used = new Set<Review>();
  const vendors = new Map<string, Vendor>();
  for (const [vendor, { fallback, models }] of genai.vendors) {
    const inFull: Model[] = [];
    for (const [name, other] of litellm.vendors.get(vendor) ?? []) {
      const model =
        models.find(({ match }) => fit(match, name) === 'exact') ??
        models.find(({ match }) => fit(match, name) === 'loose');
      if (model === undefined) {
        inFull.push(withBaseDiscount(other, name, models));
        continue;
      }
      const sheet = other.prices[0]?.usd ?? {};
      const lines = sheetsOn(model, day).map((mine) => differences(mine, sheet));
      if (lines.some((found) => found.length === 0)) {
        inFull.push(withBaseDiscount(together(model, name, other), name, models));
        continue;
      }
      const disagreement: Disagreement = {
        vendor,
        model: name,
        entry: model.id,
        fit: fit(model.match, name) ?? 'loose',
        lines: lines[0] ?? [],
      };
      const review = reviews.find((one) => decides(one, disagreement));
      if (review === undefined) disagreements.push(disagreement);
      else {
        used.add(review);
        inFull.push(
          review.take === other.source
            ? other
            : { ...model, id: other.id, match: { equals: name } },
        );
      }
    }
    const named = gathered(inFull);
    const taken = new Set(named.map(({ id }) => id));
    // An id stands in the ledger as the price that was used: no two entries have the same.
    const byPart = models.map((model) =>
      taken.has(model.id) ? { ...model, id: `${model.id}*` } : model,
    );
    vendors.set(vendor, { fallback, models: [...named, ...byPart] });
  }
  return { vendors, disagreements, unused: reviews.filter((review) => !used.has(review)) };
};
