/** An entry of a price list, ready to be asked: what it says at a moment, alone or below a price of our own. */
import { priceDimensions, type PriceDimension } from '../contract/price-dimensions.ts';
import { scaled, withFactor, type Factor, type Price, type PriceVariant } from '../decide/price.ts';
import type { OwnPrice } from './own-price.ts';
import { completed, factorOf, namedRates, over, type Named } from './rates.ts';
import type { Constraint, Model } from './sheet.ts';
import { holds, spanOf, unchanged, type Span } from './span.ts';

const isDimension = (name: string): name is PriceDimension => Object.hasOwn(priceDimensions, name);

export type NamedVariant = {
  readonly dimension: PriceDimension;
  readonly value: string;
  readonly span: Span;
  /** The same as it is written. */
  readonly when: Constraint;
} & (
  | { readonly kind: 'rates'; readonly named: Named }
  | { readonly kind: 'factor'; readonly factor: Factor }
);

const variantsOf = ({ variants = [] }: Model): readonly NamedVariant[] =>
  variants.flatMap((variant): readonly NamedVariant[] => {
    const { dimension, value, usd, times, ...when } = variant;
    if (!isDimension(dimension)) return [];
    const span = spanOf(when);
    return times === undefined
      ? [{ dimension, value, span, when, kind: 'rates', named: namedRates(usd ?? {}) }]
      : [{ dimension, value, span, when, kind: 'factor', factor: factorOf(times) }];
  });

interface Period {
  readonly span: Span;
  /** The same as it is written. */
  readonly when: Constraint;
  readonly named: Named;
}

/** A model of a list, ready to be asked. */
export interface Listed {
  readonly id: string;
  /** Of this entry among all of the table. */
  readonly number: number;
  readonly periods: readonly Period[];
  readonly variants: readonly NamedVariant[];
  /** What was found last, and for which moments it holds: nearly all calls ask for now. */
  last: { readonly now: ListedNow; readonly fromMs: number; readonly untilMs: number } | null;
}

/** A model of a list, ready to be asked; `number`: of this entry among all of the table. */
export const compiled = (model: Model, number: number): Listed => ({
  id: model.id,
  number,
  periods: model.prices.map(({ usd, ...when }) => ({
    span: spanOf(when),
    when,
    named: namedRates(usd),
  })),
  variants: variantsOf(model),
  last: null,
});

/** What a list says at a moment; `key` names it among all that the table ever says. */
export interface ListedNow {
  readonly key: string;
  readonly id: string;
  readonly named: Named;
  readonly variants: readonly NamedVariant[];
}

/** What the ledger calls a period of an entry. */
const periodId = (id: string, period: number): string => (period === 0 ? id : `${id}#${period}`);

/** The last price whose time has come holds; before all of them the first one does. */
const foundAt = (listed: Listed, atMs: number): ListedNow | null => {
  const { id, number, periods, variants } = listed;
  const period = Math.max(
    periods.findLastIndex(({ span }) => holds(span, atMs)),
    0,
  );
  const named = periods[period]?.named;
  if (named === undefined) return null;
  const held = variants.filter(({ span }) => holds(span, atMs));
  return {
    key: `${number}/${period}/${held.map((one) => variants.indexOf(one)).join(',')}`,
    id: periodId(id, period),
    named,
    variants: held,
  };
};

/** What an entry says at a moment; null: nothing. */
export const listedAt = (listed: Listed, atMs: number): ListedNow | null => {
  const { last, periods, variants } = listed;
  if (last !== null && atMs >= last.fromMs && atMs < last.untilMs) return last.now;
  const now = foundAt(listed, atMs);
  const { fromMs, untilMs } = unchanged(
    [...periods, ...variants].map(({ span }) => span),
    atMs,
  );
  if (now !== null) listed.last = { now, fromMs, untilMs };
  return now;
};

/** Everything that an entry ever says: each of its periods, with all variants. */
export const everyPeriod = ({
  id,
  periods,
  variants,
}: Listed): readonly (ListedNow & { readonly when: Constraint })[] =>
  periods.map(({ when, named }, i) => ({
    key: `${i}`,
    id: periodId(id, i),
    named,
    variants,
    when,
  }));

/** A price of lines and variants; `times`: every line of the variants is multiplied by it. */
export const priceOf = (
  id: string,
  named: Named,
  variants: readonly NamedVariant[],
  times: Factor | null,
): Price => {
  const sheet = completed(named);
  return {
    id,
    ...sheet,
    variants: variants.map((variant): PriceVariant => {
      const { dimension, value } = variant;
      if (variant.kind === 'factor')
        return {
          dimension,
          value,
          kind: 'factor',
          factor: variant.factor,
          sheet: withFactor(sheet, variant.factor),
        };
      const lines = times === null ? variant.named : scaled(variant.named, times);
      return { dimension, value, kind: 'rates', sheet: completed(over(named, lines)) };
    }),
  };
};

/** A price of our own over what the list says. */
export const overlaid = (own: OwnPrice, mine: Named, list: ListedNow | null): Price => {
  const factor = own.times === undefined ? null : factorOf(own.times);
  const ownId = `own/${own.provider}/${own.model}, ${own.source}`;
  if (list === null) return { ...priceOf(ownId, mine, [], null), listed: null };
  // One entry of our own may lie over many models; what it comes to is another price for each.
  const id = `${ownId}: ${list.id}`;
  const below = factor === null ? list.named : scaled(list.named, factor);
  return {
    ...priceOf(id, over(below, mine), list.variants, factor),
    listed: priceOf(list.id, list.named, list.variants, null),
  };
};
