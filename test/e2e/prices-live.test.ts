/** Prices are renewed under a running gateway: by the command, live, and with a row that says so. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalogue } from '../../gateway/src/prices/catalogue.ts';
import { signedText } from '../../gateway/src/prices/signed.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { smallCatalogue } from '../gateway/prices/small-catalogue.ts';
import { samples } from './exposition.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const catalogue = (input: string, day: string) =>
  signedText(smallCatalogue({ input, day, allVendors: true }), privateKey) ?? '';
const versionOf = (input: string, day: string): string => {
  const read = readCatalogue(smallCatalogue({ input, day, allVendors: true }));
  return read.kind === 'catalogue' ? read.catalogue.version : '';
};
const [old, renewed] = [
  ['1', '2026-11-20'],
  ['3', '2026-11-27'],
] as const;

const directory = mkdtempSync(join(tmpdir(), 'tollgate-prices-live-'));
const [place, candidate] = [join(directory, 'prices.json'), join(directory, 'candidate.json')];
let clickhouse: FakeClickhouse;
let provider: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  writeFileSync(place, catalogue(...old));
  [clickhouse, provider] = await Promise.all([startClickhouse(), startOpenai()]);
  gateway = await startGateway({
    clickhouse,
    config: twoProviders(
      provider.origin,
      provider.origin,
      `catalogue: { file: ${place}, publicKeys: ["${key}"] }
prices: [{ provider: openai, model: gpt-4o-mini*, discount: 0.5, source: contract }]`,
    ),
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await provider.close();
  await clickhouse.stop();
  rmSync(directory, { recursive: true });
});

const sample = async (metric: string, wanted: Record<string, string> = {}) =>
  samples(await gateway.metrics()).find(
    ({ name, labels }) =>
      name === metric && Object.entries(wanted).every(([label, value]) => labels[label] === value),
  );
const reloads = async (result: string): Promise<number> =>
  Number((await sample('tollgate_config_reloads_total', { result }))?.text);
const until = async (result: string, count: number): Promise<void> => {
  for (let i = 0; i < 600 && (await reloads(result)) < count; i += 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await reloads(result)).toBe(count);
};

/** A whole reply is read, a stream is not. */
const ask = async (script: object = {}, stream = false): Promise<Response> => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      stream,
      messages: [{ role: 'user', content: JSON.stringify({ script }) }],
    }),
  });
  if (!stream) await response.clone().text();
  return response;
};

interface PricedRow {
  readonly price_version: string;
  readonly cost_usd: string;
  readonly input: string;
  readonly cost_input: string;
  /** Of the line in `tollgate.price_catalog` that the row was priced by. */
  readonly contract_usd: string;
  readonly list_usd: string;
}
const isRow = (value: unknown): value is PricedRow =>
  typeof value === 'object' && value !== null && 'contract_usd' in value;
const query = async (sql: string): Promise<readonly string[]> => {
  const headers = {
    'x-clickhouse-user': clickhouse.reader.user,
    'x-clickhouse-key': clickhouse.reader.password,
  };
  const response = await fetch(clickhouse.url, { method: 'POST', body: sql, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.split('\n').filter((line) => line !== '');
};

/** The row of a call, joined with the line of its input price. */
const rowOf = async (response: Response): Promise<PricedRow> => {
  await response.body?.cancel();
  const id = response.headers.get('x-tollgate-call-id') ?? 'none';
  for (let i = 0; i < 600; i += 1) {
    const [line = 'null'] = await query(`
SELECT c.price_version, toString(c.cost_usd) AS cost_usd, toString(c.input_uncached) AS input,
       toString(c.attempts.cost_input_uncached[1]) AS cost_input,
       toString(p.contract_usd) AS contract_usd, toString(p.list_usd) AS list_usd
FROM tollgate.calls AS c INNER JOIN (SELECT * FROM tollgate.price_catalog FINAL) AS p
  ON p.price_version = c.price_version AND p.provider = c.attempts.provider[1] AND p.price_id = c.attempts.price_id[1]
WHERE c.call_id = '${id}' AND p.meter = 'input_uncached' AND p.dimension = '' AND p.above_tokens = 0
FORMAT JSONEachRow`);
    const row: unknown = JSON.parse(line);
    if (isRow(row)) return row;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`call ${id} has no row with a price: ${gateway.output().slice(-800)}`);
};
/** What the input of a row must cost at its line's price, exactly. */
const expected = ({ input, contract_usd }: PricedRow): string =>
  (Number(input) * Number(contract_usd) * 1e-6).toFixed(12).replace(/\.?0+$/, '');

test('an import is taken over live: new calls have the new price and version, calls in flight keep theirs', async () => {
  const before = await rowOf(await ask());
  expect(before).toMatchObject({ contract_usd: '0.5', list_usd: '1' });
  expect(before.price_version).toMatch(new RegExp(`^${versionOf(...old)}\\+`));
  expect(before.cost_input).toBe(expected(before));

  const applied = await reloads('applied');
  // Much longer than the rest of this takes anywhere; it is hung up then.
  const streaming = await ask({ words: 3000, fault: { gapMs: 100 } }, true);
  expect(streaming.status).toBe(200);
  writeFileSync(candidate, catalogue(...renewed));
  const { configPath } = gateway;
  const env = { TEST_KEY: 'x'.repeat(40), OPENAI_KEY: 'sk-x', ANTHROPIC_KEY: 'sk-y' };
  // oxfmt-ignore
  const imported = await runTollgate(directory, ['prices', 'import', candidate, '--config', configPath], env);
  expect(imported).toMatchObject({ code: 0, err: '' });
  await until('applied', applied + 1);

  const after = await rowOf(await ask());
  expect(after).toMatchObject({ contract_usd: '1.5', list_usd: '3' });
  expect(after.price_version).toMatch(new RegExp(`^${versionOf(...renewed)}\\+`));
  expect(after.cost_input).toBe(expected(after));
  expect(provider.journal.some(({ ended }) => ended === 'open')).toBe(true);
  expect(await rowOf(streaming)).toMatchObject({
    price_version: before.price_version,
    contract_usd: '0.5',
  });
});

test('the version and age in the metrics are those of the renewed catalogue', async () => {
  const [, day] = renewed;
  const info = await sample('tollgate_price_catalog_info');
  expect(info?.labels['version']).toMatch(new RegExp(`^${versionOf(...renewed)}\\+`));
  const age = await sample('tollgate_price_catalog_age_seconds');
  expect(age?.labels['version']).toBe(info?.labels['version']);
  expect(Number(age?.text)).toBeGreaterThan((Date.now() - Date.parse(day)) / 1000 - 60);
  expect(Number(age?.text)).toBeLessThanOrEqual((Date.now() - Date.parse(day)) / 1000);
});

test.each([
  ['torn', () => catalogue(...renewed).slice(0, -30)],
  ['unsigned', () => smallCatalogue({ input: '9', allVendors: true })],
  [
    'signed by a stranger',
    () =>
      signedText(
        smallCatalogue({ input: '9', allVendors: true }),
        generateKeyPairSync('ed25519').privateKey,
      ) ?? '',
  ],
])('a file that is %s is refused, counted and logged, and the prices stay', async (_, text) => {
  const rejected = await reloads('rejected');
  const good = readFileSync(place);
  writeFileSync(place, text());
  await until('rejected', rejected + 1);
  await eventually(
    () => gateway.output().includes('catalogue.file: the catalogue '),
    'the log says what is wrong',
  );
  expect(await rowOf(await ask())).toMatchObject({ contract_usd: '1.5' });
  const applied = await reloads('applied');
  writeFileSync(place, good);
  await until('applied', applied + 1);
});

test('a gateway does not start with such a file, and says why', async () => {
  const torn = join(directory, 'torn.json');
  writeFileSync(torn, catalogue(...renewed).slice(0, -30));
  const config = twoProviders(
    provider.origin,
    provider.origin,
    `catalogue: { file: ${torn}, publicKeys: ["${key}"] }`,
  );
  await expect(startGateway({ config })).rejects.toThrow(
    /catalogue\.file: the catalogue is cut off, or not signed/,
  );
});

test('every version that priced a call is in the table, once, however often it came into force', async () => {
  const versions = await query(
    `SELECT price_version, count(), uniqExact(provider) FROM tollgate.price_catalog GROUP BY price_version ORDER BY price_version FORMAT TSV`,
  );
  expect(versions.length).toBe(2);
  const twice = await query(
    `SELECT price_version, provider, price_id, dimension, value, meter, above_tokens, valid_from, daily_from, count() AS n
     FROM tollgate.price_catalog GROUP BY ALL HAVING n > 1 FORMAT TSV`,
  );
  expect(twice).toEqual([]);
  const written = await sample('tollgate_price_catalog_writes_total', { result: 'written' });
  expect(written?.text).toBe('2');
});
