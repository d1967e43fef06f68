import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteText } from '../../../gateway/src/model/byte-text.ts';
import type { Json } from '../../../gateway/src/model/json.ts';
import { usdText } from '../../../gateway/src/model/money.ts';

const put = (putting: (out: ByteText) => void): string => {
  const out = new ByteText();
  out.ascii('<');
  putting(out);
  const text = out.view(1).toString();
  expect(out.view(0, 1).toString()).toBe('<');
  expect(out.length).toBe(1 + Buffer.byteLength(text));
  return text;
};

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    'a"b',
    String.raw`a\b`,
    'tab\there',
    '\u2028',
    '\ud800',
    'x\udfffy',
    '\u0000',
    'ü',
  ),
  fc.string({ minLength: 30, maxLength: 200 }),
);
const anyNumber = fc.oneof(
  fc.integer({ min: -10, max: 100 }),
  fc.maxSafeNat(),
  fc.constantFrom(
    0,
    -0,
    9,
    10,
    999_999_999,
    1_000_000_000,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    0.25,
    -1.5,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

test('JSON is what JSON.stringify says, with U+FFFD for half a surrogate pair', () => {
  const anyJson: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, false),
      anyNumber,
      anyText,
      fc.array(tie('json'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(anyText, fc.constantFrom('1', '02', 'constructor')), tie('json'), {
        maxKeys: 4,
      }),
    ),
  })).json;
  const wellFormed = (_key: string, value: unknown): unknown =>
    typeof value === 'string'
      ? value.toWellFormed()
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), one]))
        : value;
  fc.assert(
    fc.property(anyJson, (json) => {
      expect(put((out) => out.json(json))).toBe(JSON.stringify(json, wellFormed));
    }),
    { numRuns: 500 },
  );
});

test('money is the text that money has', () => {
  const amount = fc.oneof(
    fc.bigInt({ min: -(10n ** 13n), max: 10n ** 19n }),
    fc.bigInt({ min: 0n, max: 2_000_000n }),
    fc.constantFrom(0n, 1n, 10n, 10n ** 6n, 10n ** 11n, 10n ** 12n - 1n, 10n ** 12n, -1n),
  );
  fc.assert(
    fc.property(amount, (picodollars) => {
      expect(put((out) => out.usd(picodollars))).toBe(usdText(picodollars));
    }),
    { numRuns: 1000 },
  );
});

test('texts and pieces come out as they went in, however much there is of them', () => {
  fc.assert(
    fc.property(fc.array(anyText), fc.nat(80_000), (texts, more) => {
      const long = 'x'.repeat(more);
      const whole = put((out) => {
        for (const text of texts) {
          out.text(text);
          out.copy(Buffer.from(text));
        }
        out.ascii(long);
        out.copy(Buffer.from(long));
      });
      const said = texts.map((text) => text.toWellFormed());
      expect(whole).toBe(said.map((text) => text + text).join('') + long + long);
    }),
  );
});

test('a checksum stands where its place was left', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), (value) => {
      const text = put((out) => {
        out.ascii('c ________ rest');
        out.hexAt(value, 3);
      });
      expect(text).toBe(`c ${value.toString(16).padStart(8, '0')} rest`);
    }),
  );
});

test('what is cut away is gone, and memory that a burst took is given back', () => {
  const out = new ByteText();
  out.ascii('kept, and not');
  out.cut(4);
  out.ascii('!');
  expect(out.view(0).toString()).toBe('kept!');
  out.text('x'.repeat(5_000_000));
  expect(out.view(0).buffer.byteLength).toBeGreaterThan(5_000_000);
  out.cut(0);
  out.ascii('small');
  expect(out.view(0).buffer.byteLength).toBeLessThan(100_000);
});
