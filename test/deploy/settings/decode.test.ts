import { Type } from 'typebox';
import { expect, expectTypeOf, test } from 'vitest';
import { decoded, type Decoded } from '@tollgate/settings/decode.ts';
import { madeDocument, startComplaints } from '@tollgate/settings/document.ts';
import { count, duration, flag, section, size } from '@tollgate/settings/fields.ts';

const document = madeDocument('f', {});

const schema = section('Everything.', {
  body: size('32MiB', 'A size.', { most: '1GiB' }),
  request: duration('60s', 'A duration.'),
  sync: duration('5ms', 'A short one.', { most: '1s' }),
  calls: count(10, [1, 100], 'A number.'),
  billed: flag(false, 'A flag.'),
  first: Type.Optional(duration(null, 'A duration that may be left out.')),
  level: Type.Enum(['low', 'high'], { default: 'low', description: 'A word.' }),
  inner: section('A map.', { wait: duration('1s', 'Deeper down.') }),
});

const read = (given: unknown) => {
  const complaints = startComplaints(document);
  const value = decoded(schema, given, [], { document, complaints });
  return { value, said: complaints.all().map(({ path, message }) => `${path}: ${message}`) };
};

test('a declaration is enough: defaults, numbers with the unit in their name, and the type of it all', () => {
  expectTypeOf<Decoded<typeof schema>>().toEqualTypeOf<{
    readonly bodyBytes: number;
    readonly requestMs: number;
    readonly syncMs: number;
    readonly calls: number;
    readonly billed: boolean;
    readonly firstMs: number | null;
    readonly level: 'low' | 'high';
    readonly inner: { readonly waitMs: number };
  }>();
  expect(read({})).toEqual({
    said: [],
    value: {
      bodyBytes: 33_554_432,
      requestMs: 60_000,
      syncMs: 5,
      calls: 10,
      billed: false,
      firstMs: null,
      level: 'low',
      inner: { waitMs: 1000 },
    },
  });
});

test('what is given is decoded, deeper down too', () => {
  expect(read({ body: '8MB', first: '1.5s', inner: { wait: '2m' } }).value).toMatchObject({
    bodyBytes: 8_000_000,
    firstMs: 1500,
    inner: { waitMs: 120_000 },
  });
});

test('a duration of nothing, or of more than a day, and a size out of bounds are complained about, all of them', () => {
  expect(read({ request: '0ms', inner: { wait: '25h' }, body: '1023B', sync: '2s' }).said).toEqual([
    'body: must be between 1KiB and 1GiB',
    'request: must be between 1ms and 24h',
    'sync: must be between 1ms and 1s',
    'inner.wait: must be between 1ms and 24h',
  ]);
});

test('what has the wrong type has its default, so that rules between settings can still be tried', () => {
  const { value, said } = read({ body: 32, calls: 7 });
  expect(said).toEqual(['body: must be a size such as 64KiB, 32MiB or 4GiB, not the number 32']);
  expect(value).toMatchObject({ bodyBytes: 33_554_432, calls: 7 });
});
