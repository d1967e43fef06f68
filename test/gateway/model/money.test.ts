import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  amountOf,
  costOf,
  noMoney,
  plus,
  rateFromUsdPerMillion,
  rateFromUsdPerThousand,
  toPicodollars,
  usdNumber,
  usdText,
  type Rate,
} from '../../../gateway/src/model/money.ts';

const rateOf = (text: string): Rate => {
  const rate = rateFromUsdPerMillion(text);
  if (rate === null) throw new Error(`${text} is a price`);
  return rate;
};

/** Decimal text -> whole pico-dollars, the slow and plain way. */
const picoOf = (text: string): bigint => {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text) ?? [];
  const amount = BigInt(whole + fraction.padEnd(12, '0'));
  return sign === '-' ? -amount : amount;
};

const anyAmount = fc.oneof(
  fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }),
  fc.bigInt({ min: 0n, max: 10n ** 12n }),
  fc.bigInt({ min: 10n ** 12n - 10_000n, max: 10n ** 12n }),
  fc.tuple(fc.nat(999), fc.nat(15)).map(([n, zeros]) => BigInt(n) * 10n ** BigInt(zeros)),
);

test('an amount as text is exact, and has no zeros to spare', () => {
  fc.assert(
    fc.property(anyAmount, (amount) => {
      const text = usdText(amount);
      expect(picoOf(text)).toBe(amount);
      expect(text).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d{0,11}[1-9])?)$/);
    }),
    { numRuns: 2000 },
  );
});

// oxfmt-ignore
test.each([
  [0n, '0'], [1n, '0.000000000001'], [150_000_000n, '0.00015'], [999_999_999_999n, '0.999999999999'],
  [1_000_000_000_000n, '1'], [1_500_000_000_000n, '1.5'], [1_000_000_000_001n, '1.000000000001'], [-150_000_000n, '-0.00015'],
])('%s pico-dollars are %s', (amount, text) => {
  expect(usdText(amount)).toBe(text);
});

test('an amount is read from its text as it was written; anything else is an error that says where it stood', () => {
  fc.assert(fc.property(anyAmount, (amount) => amountOf(usdText(amount), 'a row has') === amount));
  for (const text of ['', '1e3', '1.', '.5', '+1', '0.0000000000001', ' 1'])
    expect(() => amountOf(text, 'a row has')).toThrow(`a row has '${text}' where dollars belong`);
  const long = () => amountOf('x'.repeat(1000), 'a row has');
  expect(long).toThrow(`a row has '${'x'.repeat(40)}' where dollars belong`);
});

test('an amount as a number is the nearest there is', () => {
  fc.assert(
    fc.property(anyAmount, (amount) => {
      expect(usdNumber(amount)).toBe(Number(usdText(amount)));
    }),
    { numRuns: 2000 },
  );
});

test('a price is read from its decimal text, to the last of twelve decimals', () => {
  fc.assert(
    fc.property(fc.nat(999_999_999), fc.nat(999_999), fc.nat(999_999), (whole, high, low) => {
      const fraction = `${high}`.padStart(6, '0') + `${low}`.padStart(6, '0');
      expect(rateFromUsdPerMillion(`${whole}.${fraction}`)).toBe(
        BigInt(whole) * 10n ** 12n + BigInt(fraction),
      );
    }),
  );
});

test.each(['', '-1', '1e3', '.5', '5.', '1,5', ' 1', '0.1234567890123', '1234567890', 'NaN', '٣'])(
  'no price: %j',
  (text) => {
    expect(rateFromUsdPerMillion(text)).toBeNull();
  },
);

test('a price for a thousand is a thousand times that for a million', () => {
  expect(rateFromUsdPerThousand('0.01')).toBe(rateOf('10'));
  expect(rateFromUsdPerThousand('0.000000000001')).toBe(1000n);
  expect(rateFromUsdPerThousand('many')).toBeNull();
});

test('a cost is quantity times rate, rounded half up once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      fc.bigInt({ min: 0n, max: 10n ** 18n }),
      (quantity, millionths) => {
        const text = `${millionths / 10n ** 12n}.${(millionths % 10n ** 12n).toString().padStart(12, '0')}`;
        const exact = BigInt(quantity) * millionths; // in millionths of a pico-dollar
        const cost = costOf(quantity, rateOf(text));
        // Half up: 2 * exact - 1e6 < 2e6 * cost <= 2 * exact + 1e6
        expect(2n * exact - 1_000_000n < 2_000_000n * cost).toBe(true);
        expect(2_000_000n * cost <= 2n * exact + 1_000_000n).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

test('half a pico-dollar is one, a little less is none', () => {
  expect(costOf(1, rateOf('0.0000005'))).toBe(1n);
  expect(costOf(1, rateOf('0.000000499999'))).toBe(0n);
  expect(costOf(3, rateOf('0.0000005'))).toBe(2n);
});

test('a dollar price per million is that many dollars for a million', () => {
  expect(usdText(costOf(1_000_000, rateOf('2.5')))).toBe('2.5');
  expect(usdText(costOf(1_000_000, rateOf('0.000000000001')))).toBe('0.000000000001');
});

test('sums are exact in any order', () => {
  fc.assert(
    fc.property(fc.array(anyAmount, { maxLength: 20 }), (amounts) => {
      const sum = (list: readonly bigint[]): bigint =>
        list.reduce((total, amount) => plus(toPicodollars(total), toPicodollars(amount)), noMoney);
      expect(sum(amounts)).toBe(sum(amounts.toReversed()));
    }),
  );
});
