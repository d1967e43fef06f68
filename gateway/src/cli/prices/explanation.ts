/** Why a call costs what it costs: the price table and the arithmetic of calls, asked for their reasons. */
import { tokenTypes } from '../../contract/ledger.ts';
import { charge, chargeBasis, dimensionsOf, rateFor, type Price } from '../../decide/price.ts';
import { usdText, type Rate } from '../../model/money.ts';
import { inputTokens, type Dimensions, type Usage } from '../../model/usage.ts';
import type { ExplainingTable, Explanation } from '../../prices/table.ts';
import { unitsIn, wordOf } from './usage.ts';

/** A call that might be made. */
export interface Question {
  readonly provider: string;
  /** As it is asked for at the provider, and as the provider answers. */
  readonly asked: string;
  readonly answered: string;
  readonly atMs: number;
  readonly dimensions: Dimensions;
  readonly usage: Usage;
}

export interface ExplainedLine {
  /** In the words of the configuration. */
  readonly line: string;
  readonly quantity: number;
  /** Dollars per million tokens, or per thousand units; null: no price. */
  readonly usd: string | null;
  readonly listUsd: string | null;
  readonly per: 'million tokens' | 'thousand';
  readonly cost: string;
}

const found = ({ own, ownBy, entry, entryBy }: Explanation, lists: readonly string[]) => ({
  own: own === null ? null : { model: own.model, source: own.source, by: ownBy },
  entry:
    entry === null
      ? null
      : {
          id: entry.model.id,
          source: entry.model.source,
          by: entryBy,
          name: entry.name,
          isWhole: entry.isWhole,
          vendor: lists[entry.list] ?? '',
          isFallback: entry.list > 0,
        },
});

/** What a usage would cost, line by line; both prices are those that a call would be booked at. */
const linesOf = (price: Price | null, usage: Usage, dimensions: Dimensions) => {
  const { used, sheet } = chargeBasis(usage, price, dimensions);
  const listed = price?.listed ?? price;
  const { sheet: listSheet } = chargeBasis(usage, listed, dimensions);
  const made = charge(usage, price, dimensions);
  const input = inputTokens(used.tokens);
  const text = (rate: Rate | undefined): string | null =>
    rate === undefined ? null : usdText(rate);
  const tokens = tokenTypes
    .filter((type) => used.tokens[type] > 0)
    .map((type): ExplainedLine => {
      const [rate, list] = [sheet?.rates[type], listSheet?.rates[type]];
      return {
        line: wordOf(type),
        quantity: used.tokens[type],
        usd: text(rate === undefined ? undefined : rateFor(rate, input)),
        listUsd: text(list === undefined ? undefined : rateFor(list, input)),
        per: 'million tokens',
        cost: usdText(made.costs[type] ?? 0n),
      };
    });
  const units = unitsIn(used).map((unit): ExplainedLine => {
    const [rate, list] = [sheet?.unitRates[unit], listSheet?.unitRates[unit]];
    // A rate is of millionths; units are sold by the thousand.
    const perThousand = (one: Rate | undefined): string | null =>
      one === undefined ? null : usdText(one / 1000n);
    return {
      line: wordOf(unit),
      quantity: used.units[unit] ?? 0,
      usd: perThousand(rate),
      listUsd: perThousand(list),
      per: 'thousand',
      cost: usdText(made.costs.other ?? 0n),
    };
  });
  return { lines: [...tokens, ...units], made };
};

/** What is named beside the standard, and what it changes. */
const variantsOf = (price: Price | null, { usage, dimensions }: Question) =>
  chargeBasis(usage, price, dimensions).named.map(([dimension, value]) => {
    const variant = price?.variants?.find(
      (one) => one.dimension === dimension && one.value === value,
    );
    return {
      dimension,
      value,
      changes:
        variant === undefined
          ? 'no price is known for it'
          : variant.kind === 'rates'
            ? 'has rates of its own'
            : `all tokens times ${variant.factor.numerator}/${variant.factor.denominator}`,
    };
  });

/** @param vendors whose lists the provider's models are looked up in, in that order */
export const explained = (
  table: ExplainingTable,
  question: Question,
  vendors: readonly string[],
) => {
  const { provider, asked, answered, atMs, usage } = question;
  const how = table.explain(provider, { asked, answered }, atMs);
  const dimensions = dimensionsOf(question.dimensions, answered, usage.dimensions);
  const { lines, made } = linesOf(how.price, usage, dimensions);
  return {
    version: table.version,
    priceId: made.priceId,
    status: made.priceStatus,
    ...found(how, vendors),
    variants: variantsOf(how.price, { ...question, dimensions }),
    lines,
    costUsd: usdText(made.total),
    listUsd: usdText(made.list),
  };
};

const entryText = ({ entry }: ReturnType<typeof explained>): string => {
  if (entry === null) return 'none: no list knows the name';
  const { id, source, by, name, isWhole, vendor, isFallback } = entry;
  const part = isWhole ? 'by its whole name' : 'by a part of its name';
  const whose = isFallback ? `, in the list of ${vendor}, whose models it also serves` : '';
  return `${id} (${source}), by the name ${by} '${name}', ${part}${whose}`;
};

/** The same for people. */
export const explanationText = (all: ReturnType<typeof explained>): string =>
  [
    `price table ${all.version}`,
    `  price    ${all.priceId === '' ? 'none' : all.priceId}`,
    ...(all.own === null
      ? []
      : [`  own      ${all.own.model} (${all.own.source}), by the name ${all.own.by}`]),
    `  entry    ${entryText(all)}`,
    ...all.variants.map(({ dimension, value, changes }) => `  ${dimension}=${value}: ${changes}`),
    ...all.lines.map(
      ({ line, quantity, usd, listUsd, per, cost }) =>
        `  ${quantity} ${line} at ${usd ?? 'no price'}${usd === listUsd ? '' : ` (list ${listUsd ?? 'none'})`} per ${per} = ${cost}`,
    ),
    `  total    ${all.costUsd} USD, list ${all.listUsd} USD, ${all.status}`,
  ].join('\n');
