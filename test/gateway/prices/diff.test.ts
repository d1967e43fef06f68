import { expect, test } from 'vitest';
import { shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import type { Catalogue } from '../../../gateway/src/prices/catalogue.ts';
import { diffOf } from '../../../gateway/src/prices/diff.ts';
import type { Model, NameMatch, Period, Variant } from '../../../gateway/src/prices/sheet.ts';

const catalogueOf = (...models: readonly Model[]): Catalogue => ({
  version: 'v',
  sources: [],
  vendors: new Map([['v', { fallback: [], models }]]),
});
const priced = (usd: string): readonly Period[] => [{ usd: { input_uncached: { usd } } }];
const model = (
  id: string,
  prices: readonly Period[],
  more: { readonly match?: NameMatch; readonly variants?: readonly Variant[] } = {},
): Model => ({ id: `v/${id}`, match: { equals: id }, prices, source: 'test', ...more });

test('a catalogue does not differ from itself, nor from one that writes the same otherwise', () => {
  const shipped = shippedCatalogue();
  expect(diffOf(shipped, shipped)).toEqual({ added: [], gone: [], changed: [], large: 0 });
  const [short, long] = [model('m', priced('1.5')), model('m', priced('1.500'))];
  expect(diffOf(catalogueOf(short), catalogueOf(long)).changed).toEqual([]);
});

test('an entry that is called otherwise does not hide what changes for a name', () => {
  const before = catalogueOf(model('m', priced('1')), model('n', priced('1')));
  const match = { or: [{ equals: 'm' }, { equals: 'n' }] };
  const after = catalogueOf(model('m-and-n', priced('6'), { match }));
  expect(diffOf(before, after)).toEqual({
    added: [],
    gone: [],
    changed: [
      {
        vendor: 'v',
        names: ['m', 'n'],
        lines: [{ line: 'input_uncached', old: '1', new: '6', percent: '+500.0 %', isLarge: true }],
      },
    ],
    large: 1,
  });
});

test('an entry is judged by all the names that it lists', () => {
  const match = { or: [{ equals: 'm' }, { equals: 'n' }] };
  const of = (id: string, usd: string) => catalogueOf(model(id, priced(usd), { match }));
  expect(diffOf(of('old', '1'), of('new', '6'))).toMatchObject({
    changed: [{ names: ['m', 'n'] }],
    large: 1,
  });
});

test('a name that another entry takes over, by a part of it, is a change and does not go', () => {
  const match = { starts_with: 'm' };
  const before = catalogueOf(model('m-2', priced('1')), model('m', priced('2'), { match }));
  const after = catalogueOf(model('m', priced('2'), { match }));
  // A further number is another model.
  expect(diffOf(before, after)).toMatchObject({ gone: ['v/m-2'], changed: [] });
  const mini = catalogueOf(model('m-mini', priced('1')), model('m', priced('2'), { match }));
  expect(diffOf(mini, after)).toMatchObject({
    gone: [],
    changed: [{ names: ['m-mini'], lines: [{ old: '1', new: '2', percent: '+100.0 %' }] }],
  });
});

test.each([
  ['5', '+400.0 %', false],
  ['5.000000000001', '+400.0 %', true],
  ['0.2', '-80.0 %', false],
  ['0.199999999999', '-80.0 %', true],
  ['0', '', true],
  ['1.001', '+0.1 %', false],
])('from 1 to %s', (to, percent, isLarge) => {
  const diff = diffOf(catalogueOf(model('m', priced('1'))), catalogueOf(model('m', priced(to))));
  expect(diff.changed[0]?.lines).toEqual([
    { line: 'input_uncached', old: '1', new: to, percent, isLarge },
  ]);
});

test('what begins to cost something is a large change', () => {
  const diff = diffOf(catalogueOf(model('m', priced('0'))), catalogueOf(model('m', priced('1'))));
  expect(diff).toMatchObject({ large: 1, changed: [{ lines: [{ percent: '', isLarge: true }] }] });
});

test('dates, times of day, tiers of input and variants are lines of their own', () => {
  const tiered = (usd: string) => ({
    input_uncached: { usd: '1', above: [{ tokens: 200_000, usd }] },
  });
  const at = (usd: string) =>
    catalogueOf(
      model('m', [{ from: '2026-11-01', usd: tiered(usd) }], {
        variants: [
          { dimension: 'service_tier', value: 'flex', usd: { output_text: { usd } } },
          { dimension: 'inference_geo', value: 'us', times: usd },
          {
            daily: { start: '00:30:00', end: '16:30:00' },
            dimension: 'service_tier',
            value: 'batch',
            usd: { output_text: { usd } },
          },
        ],
      }),
    );
  expect(diffOf(at('2'), at('3')).changed[0]?.lines.map(({ line }) => line)).toEqual([
    'from 2026-11-01 input_uncached above 200000 tokens',
    'service_tier=flex output_text',
    'inference_geo=us times',
    'daily 00:30:00 to 16:30:00 service_tier=batch output_text',
  ]);
});

test('a vendor that comes or goes brings its models or takes them along', () => {
  const [one, none] = [
    catalogueOf(model('m', priced('1'))),
    { ...catalogueOf(), vendors: new Map() },
  ];
  expect(diffOf(none, one)).toMatchObject({ added: ['v/m'], gone: [] });
  expect(diffOf(one, none)).toMatchObject({ added: [], gone: ['v/m'] });
});
