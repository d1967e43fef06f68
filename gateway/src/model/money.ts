/**
 * Money is whole pico-dollars (1e-12 $) in a bigint, so that no sum is ever rounded and none overflows.
 * Measured beside plain numbers it costs well under a microsecond per call.
 */
declare const picodollars: unique symbol;
export type Picodollars = bigint & { readonly [picodollars]: true };

/** Marks a bigint as an amount of whole pico-dollars. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one constructor of the brand
export const toPicodollars = (amount: bigint): Picodollars => amount as Picodollars;

export const noMoney = toPicodollars(0n);

/** The sum of two amounts. */
export const plus = (a: Picodollars, b: Picodollars): Picodollars => toPicodollars(a + b);

const dollar = 1_000_000_000_000n;

/**
 * Less than a dollar, as nearly all amounts are: a plain number is written four times as fast. Long ones by `toFixed`,
 * which is exact here (a double is off by less than 1e-16), because V8's JSON.stringify is slow on long concatenations.
 */
const centsText = (amount: number): string => {
  let places = 12;
  let rest = amount;
  for (; rest % 1000 === 0; places -= 3) rest /= 1000;
  for (; rest % 10 === 0; places -= 1) rest /= 10;
  return places > 10 ? (amount / 1e12).toFixed(places) : `0.${String(rest).padStart(places, '0')}`;
};

/** An amount as decimal dollars, without trailing zeros: `0.00015`. What ClickHouse's Decimal(18, 12) reads exactly. */
export const usdText = (amount: bigint): string => {
  if (amount === 0n) return '0';
  if (amount < 0n) return `-${usdText(-amount)}`;
  if (amount < dollar) return centsText(Number(amount));
  const rest = amount % dollar;
  return `${amount / dollar}${rest === 0n ? '' : centsText(Number(rest)).slice(1)}`;
};

/** Decimal dollars, at most 12 decimals, as whole pico-dollars; the way back from `usdText`. Null when the text is no such amount. */
export const picodollarsOf = (text: string): Picodollars | null => {
  const [, sign = '', whole, fraction = ''] = /^(-?)(\d{1,26})(?:\.(\d{1,12}))?$/.exec(text) ?? [];
  if (whole === undefined) return null;
  const amount = BigInt(whole + fraction.padEnd(12, '0'));
  return toPicodollars(sign === '-' ? -amount : amount);
};

/**
 * The same where nothing but an amount belongs: to guess would be to make money up.
 * @param says who has the text, for the error: `a row has`
 * @throws Error for what is no amount
 */
export const amountOf = (text: string, says: string): Picodollars => {
  const amount = picodollarsOf(text);
  if (amount === null) throw new Error(`${says} '${text.slice(0, 40)}' where dollars belong`);
  return amount;
};

/** An amount as the nearest number of dollars, for whoever cannot read text. Not for sums. */
export const usdNumber = (amount: bigint): number =>
  // Both are exact below 2^53, so their quotient is rounded once, as reading the text would.
  amount < 9_007_199_254_740_992n && amount > -9_007_199_254_740_992n
    ? Number(amount) / 1e12
    : Number(usdText(amount));

/** A price per token: whole millionths of a pico-dollar, so that $X per million tokens is X * 1e12 of them. */
export type Rate = bigint & { readonly rate: unique symbol };

/**
 * Reads a price in dollars per million tokens from its decimal text; never from a float.
 * At most 12 decimals, not negative. Null when the text is no such number.
 */
export const rateFromUsdPerMillion = (text: string): Rate | null => {
  const found = /^(\d{1,9})(?:\.(\d{1,12}))?$/.exec(text);
  if (found === null) return null;
  const [, whole = '0', fraction = ''] = found;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one constructor of the brand
  return BigInt(whole + fraction.padEnd(12, '0')) as Rate;
};

/** The same for dollars per thousand, as searches and pages are sold. */
export const rateFromUsdPerThousand = (text: string): Rate | null => {
  const rate = rateFromUsdPerMillion(text);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a rate times a thousand
  return rate === null ? null : ((rate * 1000n) as Rate);
};

/** A rate times a fraction, rounded half up to a millionth of a pico-dollar. */
export const scaledRate = (rate: Rate, numerator: bigint, denominator: bigint): Rate =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a rate times a number
  ((rate * numerator * 2n + denominator) / (denominator * 2n)) as Rate;

/** quantity tokens at a rate, rounded half up to a whole pico-dollar once. `quantity` is a whole number, not negative. */
export const costOf = (quantity: number, rate: Rate): Picodollars =>
  toPicodollars((BigInt(quantity) * rate + 500_000n) / 1_000_000n);
