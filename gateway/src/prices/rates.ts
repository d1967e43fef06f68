/** Lines of price lists as exact rates. */
import { tokenTypes, type TokenType } from '../contract/ledger.ts';
import type { Factor, RateSheet, TieredRate } from '../decide/price.ts';
import { rateFromUsdPerMillion, rateFromUsdPerThousand, type Rate } from '../model/money.ts';
import { pricedUnits, type Line, type Sheet } from './sheet.ts';

/** Rates of the lines that a list names, before those that it leaves out are filled in. */
export type Named = RateSheet;

/**
 * Where a line finds its price when none is listed for it. A vendor that lists no price for a class bills it with the class it
 * is part of: reasoning as output, a cache read without a discount as input.
 */
// oxfmt-ignore
const partOf: Readonly<Partial<Record<TokenType, TokenType>>> = {
  input_cache_read: 'input_uncached',
  input_cache_write: 'input_uncached',
  input_image: 'input_uncached',
  output_reasoning: 'output_text',
};

const rateOf = (text: string, read: (text: string) => Rate | null): Rate => {
  const rate = read(text);
  if (rate === null) throw new Error(`a price list holds ${text}, which is no price`);
  return rate;
};

const tiered = ({ usd, above = [] }: Line): TieredRate => ({
  base: rateOf(usd, rateFromUsdPerMillion),
  tiers: above.map((tier) => ({
    aboveTokens: tier.tokens,
    rate: rateOf(tier.usd, rateFromUsdPerMillion),
  })),
});

/** The rates of exactly the lines that a sheet names. */
export const namedRates = (sheet: Sheet): Named => {
  const rates: Partial<Record<TokenType, TieredRate>> = {};
  for (const type of tokenTypes) {
    const line = sheet[type];
    if (line !== undefined) rates[type] = tiered(line);
  }
  const unitRates: Record<string, Rate> = {};
  for (const unit of pricedUnits) {
    const line = sheet[unit];
    if (line !== undefined) unitRates[unit] = rateOf(line.usd, rateFromUsdPerThousand);
  }
  return { rates, unitRates };
};

/** The same, and for classes that have no line the rate of what they are part of. */
export const completed = ({ rates, unitRates }: Named): RateSheet => {
  const all: Partial<Record<TokenType, TieredRate>> = { ...rates };
  for (const type of tokenTypes) {
    const whole = partOf[type];
    const rate = all[type] ?? (whole === undefined ? undefined : rates[whole]);
    if (rate !== undefined) all[type] = rate;
  }
  return { rates: all, unitRates };
};

/** `1.1` as 11 over 10. */
export const factorOf = (text: string): Factor => {
  const [whole = '0', fraction = ''] = text.split('.');
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
};

/** Lines over others: what `above` names takes their place. */
export const over = (below: Named, above: Named): Named => ({
  rates: { ...below.rates, ...above.rates },
  unitRates: { ...below.unitRates, ...above.unitRates },
});
