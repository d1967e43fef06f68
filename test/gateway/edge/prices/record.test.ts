/** The record of prices, against the real embedded engine. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, migrationFolders } from '../../../../deploy/clickhouse/migrate.ts';
import { pricePartsOf } from '../../../../gateway/src/edge/prices/catalog.ts';
import { startPriceRecord } from '../../../../gateway/src/edge/prices/record.ts';
import { entryLines } from '../../../../gateway/src/prices/lines.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';

let clickhouse: FakeClickhouse;
beforeAll(async () => (clickhouse = await startClickhouse({ migrated: false })));
afterAll(async () => {
  await clickhouse.stop();
});

const partsOf = (...uses: readonly string[]) =>
  pricePartsOf({
    providers: new Map(uses.map((use) => [use, { name: use, use, isSimulated: use === 'demo' }])),
    prices: [],
    priceCatalogue: null,
  });

/** Records prices with another gateway; what came of it, as it comes. */
const record = () => {
  const results: string[] = [];
  const errors: string[] = [];
  const made = startPriceRecord({
    clickhouse,
    retryMs: 20,
    onResult: (result) => void results.push(result),
    onError: (message) => void errors.push(message),
  });
  const ends = async (wanted: readonly string[]): Promise<void> => {
    while (results.filter((result) => result !== 'failed').length < wanted.length)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(results.filter((result) => result !== 'failed')).toEqual(wanted);
  };
  return { ...made, results, errors, ends };
};
const count = async (condition = ''): Promise<readonly number[]> => {
  const { user, password } = clickhouse;
  const response = await fetch(clickhouse.url, {
    method: 'POST',
    headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
    body: `SELECT count(), uniqExact(provider) FROM tollgate.price_catalog FINAL ${condition} FORMAT TSV`,
  });
  return (await response.text()).trim().split('\t').map(Number);
};
const linesIn = (parts: ReturnType<typeof partsOf>): number =>
  [...parts.lists.keys()].reduce((sum, one) => sum + [...entryLines(parts, one)].flat().length, 0);

test('a table that is not there yet is tried for until it is; the reason is told once', async () => {
  const one = record();
  one.adopt(partsOf('openai'));
  while (one.results.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(one.results.every((result) => result === 'failed')).toBe(true);
  expect(one.errors.length).toBe(1);
  const { url, user, password } = clickhouse;
  await migrate({ url, user, password, folders: migrationFolders, log: () => {} });
  await one.ends(['written']);
  expect(await count()).toEqual([linesIn(partsOf('openai')), 1]);
  await one.close();
});

test('what is there is not written again; a provider that came since is added', async () => {
  const one = record();
  one.adopt(partsOf('openai'));
  await one.ends(['present']);
  one.adopt(partsOf('openai', 'demo', 'anthropic'));
  await one.ends(['present', 'written']);
  const all = partsOf('openai', 'anthropic', 'demo');
  expect(await count()).toEqual([linesIn(all), 3]);
  await one.close();
});

test('two gateways that write at once do no harm', async () => {
  const [one, other] = [record(), record()];
  const parts = partsOf('azure');
  one.adopt(parts);
  other.adopt(parts);
  while (one.results.length + other.results.length < 2)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect([...one.results, ...other.results]).toContain('written');
  expect(await count("WHERE provider = 'azure'")).toEqual([linesIn(parts), 1]);
  await one.close();
  await other.close();
});

test('it is closed at once while ClickHouse says nothing, and forgets the oldest of too many', async () => {
  clickhouse.pause();
  try {
    const one = record();
    for (let i = 0; i < 12; i += 1) one.adopt({ ...partsOf('groq'), version: `v${i}` });
    expect(one.results).toEqual(['failed', 'failed', 'failed', 'failed']);
    await one.close();
    one.adopt(partsOf('groq'));
    expect(one.results.length).toBe(4);
  } finally {
    clickhouse.resume();
  }
});
