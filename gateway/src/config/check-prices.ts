import type { PriceOverride } from './config.ts';
import { isMap } from '@tollgate/settings/context.ts';
import type { Context } from './context.ts';
import { pointer } from '@tollgate/settings/document.ts';
import { hint } from '@tollgate/settings/nearest.ts';
import { Price, priceMeters } from './schema.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';

/** YAML reads `0.15` as a float; an amount is the text that was written. */
const withWrittenAmounts = (entry: unknown, i: number, { document }: Context): unknown => {
  if (!isMap(entry) || !isMap(entry['usdPerMillion'])) return entry;
  const amounts = Object.entries(entry['usdPerMillion']).map(([word, amount]) => [
    word,
    typeof amount === 'number'
      ? (document.numbers.get(pointer(['prices', i, 'usdPerMillion', word])) ?? String(amount))
      : amount,
  ]);
  return { ...entry, usdPerMillion: Object.fromEntries(amounts) };
};

const byMeter = (
  words: Readonly<Partial<Record<keyof typeof priceMeters, string>>>,
): Record<string, string> => {
  // Vendors bill reasoning as output; only a price list that says otherwise needs to name it.
  const complete = words.output === undefined ? words : { reasoning: words.output, ...words };
  return Object.fromEntries(
    Object.entries(priceMeters).flatMap(([word, meter]) => {
      const amount = Object.entries(complete).find(([name]) => name === word)?.[1];
      return amount === undefined ? [] : [[meter, amount]];
    }),
  );
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
    const shape = shaped(Price, withWrittenAmounts(entry, i, context), ['prices', i], context);
    if (shape === null) return [];
    const { provider, model, usdPerMillion, source } = shape;
    const key = JSON.stringify([provider, model]);
    const first = seen.get(key);
    if (first !== undefined)
      complaints.add(['prices', i], `prices[${first}] already prices this model`);
    seen.set(key, first ?? i);
    return [{ provider, model, usdPerMillion: byMeter(usdPerMillion), source }];
  });
};
