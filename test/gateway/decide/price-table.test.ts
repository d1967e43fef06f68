import { expect, test } from 'vitest';
import { priceTable, type NameMatch, type When } from '../../../gateway/src/decide/price-table.ts';
import type { Price } from '../../../gateway/src/decide/price.ts';

const price = (id: string): Price => ({ id, rates: {}, unitRates: {} });
const always: When = { kind: 'always' };
const listed = (match: NameMatch, ...prices: (readonly [When, string])[]) => ({
  match,
  prices: prices.map(([when, id]) => ({ when, price: price(id) })),
});
const hour = 3_600_000;

const matching = (match: NameMatch) => {
  const table = priceTable('v', new Map([['p', [listed(match, [always, 'x'])]]]), []);
  return (name: string) => table.find('p', name, 0) !== null;
};

// oxfmt-ignore
test.each<[NameMatch, string[], string[]]>([
  [{ kind: 'equals', text: 'gpt-4o' }, ['gpt-4o', 'GPT-4O', ' gpt-4o '], ['gpt-4o-mini', 'gpt-4']],
  [{ kind: 'starts_with', text: 'gpt-4o' }, ['gpt-4o', 'GPT-4o-mini'], ['a-gpt-4o']],
  [{ kind: 'ends_with', text: 'mini' }, ['gpt-4o-mini'], ['gpt-4o-mini-2']],
  [{ kind: 'contains', text: '4o' }, ['gpt-4o-mini'], ['gpt-5']],
  [{ kind: 'regex', text: '^gpt-[45]o$' }, ['gpt-4o', 'GPT-5o'], ['gpt-6o']],
  [{ kind: 'any', of: [{ kind: 'equals', text: 'a' }, { kind: 'equals', text: 'b' }] }, ['a', 'b'], ['c']],
  [{ kind: 'all', of: [{ kind: 'starts_with', text: 'a' }, { kind: 'ends_with', text: 'z' }] }, ['az', 'abz'], ['a', 'z']],
  [{ kind: 'any', of: [] }, [], ['a']],
])('%o', (match, yes, no) => {
  const fits = matching(match);
  for (const name of yes) expect([name, fits(name)]).toEqual([name, true]);
  for (const name of no) expect([name, fits(name)]).toEqual([name, false]);
});

test('the last price whose time has come holds; before all of them the first one does', () => {
  const model = listed(
    { kind: 'equals', text: 'm' },
    [{ kind: 'from', ms: 100 }, 'first'],
    [{ kind: 'from', ms: 200 }, 'second'],
    [{ kind: 'from', ms: 300 }, 'third'],
  );
  const table = priceTable('v', new Map([['p', [model]]]), []);
  const at = (ms: number) => table.find('p', 'm', ms)?.id;
  expect([0, 100, 199, 200, 299, 300, 9999].map(at)).toEqual([
    'first',
    'first',
    'first',
    'second',
    'second',
    'third',
    'third',
  ]);
});

test('a time of day holds from its first second up to its last, also past midnight', () => {
  const model = listed(
    { kind: 'equals', text: 'm' },
    [always, 'day'],
    [{ kind: 'daily', startSeconds: 16.5 * 3600, endSeconds: 0.5 * 3600 }, 'night'],
    [{ kind: 'daily', startSeconds: 12 * 3600, endSeconds: 13 * 3600 }, 'noon'],
  );
  const table = priceTable('v', new Map([['p', [model]]]), []);
  const at = (hours: number) => table.find('p', 'm', 20_000 * 24 * hour + hours * hour)?.id;
  expect([0, 0.49, 0.5, 11.99, 12, 12.99, 13, 16.49, 16.5, 23.99].map(at)).toEqual([
    'night',
    'night',
    'day',
    'day',
    'noon',
    'noon',
    'day',
    'day',
    'night',
    'night',
  ]);
});

test('the first model of a list that matches is meant', () => {
  const list = [
    listed({ kind: 'equals', text: 'gpt-4o' }, [always, 'exact']),
    listed({ kind: 'starts_with', text: 'gpt' }, [always, 'family']),
  ];
  const table = priceTable('v', new Map([['p', list]]), []);
  expect(table.find('p', 'gpt-4o', 0)?.id).toBe('exact');
  expect(table.find('p', 'gpt-5', 0)?.id).toBe('family');
  expect(table.find('p', 'claude', 0)).toBeNull();
  expect(table.find('other', 'gpt-4o', 0)).toBeNull();
});

test('a date in a name may be written with dashes in the list: providers write it both ways', () => {
  const list = [listed({ kind: 'starts_with', text: 'claude-2025-08-05' }, [always, 'dated'])];
  const table = priceTable('v', new Map([['p', list]]), []);
  const found = (name: string) => table.find('p', name, 0)?.id ?? null;
  expect(found('claude-20250805')).toBe('dated');
  expect(found('claude-20250805-v1')).toBe('dated');
  expect(found('claude-20250805:0')).toBe('dated');
  expect(found('claude-2025-08-05')).toBe('dated');
  expect(found('claude-20251305')).toBeNull();
  expect(found('claude-20250805x')).toBeNull();
});

test('own prices come before any list: the exact name, then the longest pattern', () => {
  const own = ['*', 'gpt-*', 'gpt-4*', 'gpt-4o'].map((model) => ({
    provider: 'p',
    model,
    price: price(model),
  }));
  const list = [listed({ kind: 'contains', text: '' }, [always, 'list'])];
  const table = priceTable(
    'v',
    new Map([
      ['p', list],
      ['q', list],
    ]),
    own,
  );
  expect(
    ['gpt-4o', 'gpt-4o-mini', 'gpt-3', 'x'].map((name) => table.find('p', name, 0)?.id),
  ).toEqual(['gpt-4o', 'gpt-4*', 'gpt-*', '*']);
  expect(table.find('q', 'gpt-4o', 0)?.id).toBe('list');
});

test('names without end neither fill the memory nor change an answer', () => {
  const list = [listed({ kind: 'starts_with', text: 'm' }, [always, 'x'])];
  const table = priceTable('v', new Map([['p', list]]), []);
  for (let i = 0; i < 25_000; i += 1) {
    const found = table.find('p', `${i % 2 === 0 ? 'm' : 'n'}${i}`, 0);
    if ((found !== null) !== (i % 2 === 0)) expect(i).toBeNull();
  }
});
