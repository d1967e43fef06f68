import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalOf, decimalText, hundredth } from '../../../gateway/src/bills/decimal.ts';

test.each([
  ['1', '1'],
  ['-0.06', '-0.06'],
  ['+12.5', '12.5'],
  ['.5', '0.5'],
  ['7.', '7'],
  ['1.2E-7', '0.00000012'],
  ['3e2', '300'],
  ['0.1234567890125', '0.123456789013'],
  ['-0.1234567890125', '-0.123456789013'],
  ['0.0000000000001', '0'],
  ['123456789012345678901234.000000000001', '123456789012345678901234.000000000001'],
])('%s is %s with 12 decimals', (text, written) => {
  const amount = decimalOf(text);
  expect(amount === null ? null : decimalText(amount, 12)).toBe(written);
});

test.each(['', '.', 'NaN', '1,5', '1e99', '0x10', '1 2', '--1', 'e5'])(
  '%j is no amount',
  (text) => {
    expect(decimalOf(text)).toBeNull();
  },
);

test('what was written is read again, and sums are exact', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), { maxLength: 20 }),
      (pico) => {
        const texts = pico.map((amount) => decimalText(amount * 1_000_000n, 12));
        const sum = texts.reduce((all, text) => all + (decimalOf(text) ?? 0n), 0n);
        expect(sum).toBe(pico.reduce((all, amount) => all + amount, 0n) * 1_000_000n);
      },
    ),
  );
});

test('digits past the 18th are rounded half away from 0', () => {
  expect(decimalOf('0.0000000000000000005')).toBe(1n);
  expect(decimalOf('-0.0000000000000000005')).toBe(-1n);
  expect(decimalOf('0.00000000000000000049')).toBe(0n);
});

test('a hundredth of a decimal of cents is dollars', () => {
  expect(decimalText(hundredth(decimalOf('123.45678') ?? 0n), 12)).toBe('1.2345678');
});
