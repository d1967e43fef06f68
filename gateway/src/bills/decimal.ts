/** Amounts as bills write them, exactly: whole quintillionths (1e-18), summed before they are rounded once. */

export type Decimal = bigint;

const places = 18;
/** Digits of an exponent beyond which nothing is an amount of a bill. */
const largestExponent = 30;

/**
 * Reads `-1234.5`, `1.2E-7` and the like, never through a float. Digits past the 18th are rounded half away from 0. Null when the text is
 * no number, or one beyond all bills.
 */
export const decimalOf = (text: string): Decimal | null => {
  const found = /^([+-]?)(\d{0,24})(?:\.(\d{0,60}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text.trim());
  if (found === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = found;
  if (whole === '' && fraction === '') return null;
  const shift = Number(exponent);
  if (Math.abs(shift) > largestExponent) return null;
  const digits = BigInt(whole + fraction);
  const scale = places + shift - fraction.length;
  const amount =
    scale >= 0
      ? digits * 10n ** BigInt(scale)
      : (digits * 2n + 10n ** BigInt(-scale)) / (2n * 10n ** BigInt(-scale));
  return sign === '-' ? -amount : amount;
};

/** The text with so many decimals, rounded half away from 0. */
export const decimalText = (amount: Decimal, decimals: number): string => {
  const unit = 10n ** BigInt(places - decimals);
  const absolute = amount < 0n ? -amount : amount;
  const rounded = (absolute * 2n + unit) / (2n * unit);
  const digits = String(rounded).padStart(decimals + 1, '0');
  const text = `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`.replace(/\.?0+$/, '');
  return amount < 0n && rounded !== 0n ? `-${text}` : text;
};

/** A hundredth: bills in cents. */
export const hundredth = (amount: Decimal): Decimal => amount / 100n;

export const noAmount: Decimal = 0n;
