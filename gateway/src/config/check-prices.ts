import type { Static } from 'typebox';
import type { PriceOverride } from './config.ts';
import { isMap } from '@tollgate/settings/context.ts';
import type { Context } from './context.ts';
import { pointer, type Path } from '@tollgate/settings/document.ts';
import { hint } from '@tollgate/settings/nearest.ts';
import { Price, pricedTypes } from './schema.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';

/** YAML reads `0.15` as a float; an amount is the text that was written. */
const withWritten = (
  value: unknown,
  at: Path,
  { document }: Pick<Context, 'document'>,
): unknown => {
  if (typeof value === 'number') return document.numbers.get(pointer(at)) ?? String(value);
  if (Array.isArray(value))
    return value.map((inner: unknown, i) => withWritten(inner, [...at, i], { document }));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === 'tokens' ? inner : withWritten(inner, [...at, name], { document }),
    ]),
  );
};

type Words = Readonly<Partial<Record<keyof typeof pricedTypes, string>>>;

const byType = (words: Words | undefined): Record<string, string> => {
  if (words === undefined) return {};
  // Vendors bill reasoning as output; only a price list that says otherwise needs to name it.
  const complete = words.output === undefined ? words : { reasoning: words.output, ...words };
  return Object.fromEntries(
    Object.entries(pricedTypes).flatMap(([word, type]) => {
      const amount = Object.entries(complete).find(([name]) => name === word)?.[1];
      return amount === undefined ? [] : [[type, amount]];
    }),
  );
};

type Shape = Static<typeof Price>;

/** Rules between the fields of one price. */
const checkPrice = (shape: Shape, at: Path, { complaints }: Context): void => {
  const { usdPerMillion, usdPerThousand, above = [], discount, from, until } = shape;
  const saysNone = [usdPerMillion, usdPerThousand, discount].every((said) => said === undefined);
  if (saysNone && !complaints.under(at)) {
    const message = "says no price: 'usdPerMillion', 'usdPerThousand' or 'discount' is missing";
    complaints.add(at, message);
  }
  if (from !== undefined && until !== undefined && until <= from)
    complaints.add([...at, 'until'], "must be a later day than 'from'");
  for (const [n, { usdPerMillion: dearer }] of above.entries())
    for (const word of Object.keys(dearer))
      if (usdPerMillion === undefined || !Object.hasOwn(usdPerMillion, word))
        complaints.add(
          [...at, 'above', n, 'usdPerMillion', word],
          `'usdPerMillion' does not name '${word}', so there is nothing that this is dearer than`,
        );
};

const overrideOf = (shape: Shape): PriceOverride => {
  const { provider, model, usdPerMillion, usdPerThousand, above = [], discount } = shape;
  const { from = null, until = null, source } = shape;
  return {
    provider,
    model,
    usdPerMillion: byType(usdPerMillion),
    above: above.map(({ tokens, usdPerMillion: dearer }) => ({
      tokens,
      usdPerMillion: byType(dearer),
    })),
    webSearchesUsdPerThousand: usdPerThousand?.webSearches ?? null,
    discount: discount ?? null,
    from,
    until,
    source,
  };
};

/** Every price that can be read; complains about the rest. */
export const checkPrices = (
  value: unknown,
  names: readonly string[],
  context: Context,
): readonly PriceOverride[] => {
  const { complaints, document } = context;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    complaints.add(
      ['prices'],
      `must be a list of prices, not ${found(value, ['prices'], document)}`,
    );
    return [];
  }
  const entries: readonly unknown[] = value;
  const seen = new Map<string, number>();
  return entries.flatMap((entry, i) => {
    // Before its shape is judged, so that a price with another mistake still has its provider looked up.
    const named = isMap(entry) ? entry['provider'] : undefined;
    if (typeof named === 'string' && !names.includes(named)) {
      const at = ['prices', i, 'provider'];
      const was = found(named, at, document);
      complaints.add(at, `must be the name of a provider above, not ${was}${hint(named, names)}`);
    }
    const at: Path = ['prices', i];
    const shape = shaped(Price, withWritten(entry, at, context), at, context);
    if (shape === null) return [];
    checkPrice(shape, at, context);
    const key = JSON.stringify([shape.provider, shape.model, shape.from]);
    const first = seen.get(key);
    if (first !== undefined) complaints.add(at, `prices[${first}] already prices this model`);
    seen.set(key, first ?? i);
    return [overrideOf(shape)];
  });
};
