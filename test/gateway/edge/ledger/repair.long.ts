/** Sums that lie beside the rows, on the real engine: what is wrong in them is found and made anew from the rows, and so is what else the rows can mend. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { callColumns } from '../../../../gateway/src/contract/ledger.ts';
import { repairLedger } from '../../../../gateway/src/edge/ledger/repair.ts';
import { verifyLedger } from '../../../../gateway/src/edge/ledger/verification.ts';
import { rowsOf } from '../../../fakes/ask.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { callBy, insertCalls, tableOf } from './priced-calls.ts';

let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse();
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
  await client.command({ query: "INSERT INTO tollgate.allocation_tags VALUES ('feature')" });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Across the midnight between two days that are over and recent enough for sums by trace. */
const midnightMs = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs;
const [first, second] = [midnightMs - dayMs, midnightMs].map((ms) =>
  new Date(ms).toISOString().slice(0, 10),
);
const count = 40;
const firstAtMs = midnightMs - 20 * minuteMs;
const calls = Array.from({ length: count }, (_, n) => callBy(n, tableOf('v1'), firstAtMs));

let life = '';
beforeEach(async () => {
  for (const table of ['calls', 'usage_1d', 'runs', 'tags_1d'])
    await client.command({ query: `TRUNCATE TABLE tollgate.${table}` });
  life = `gateway-${Math.random()}.1`;
  await insertCalls(engine, calls, life);
});

const columnList = callColumns.map((column) => `\`${column}\``).join(', ');
const change = (query: string) =>
  client.command({ query, clickhouse_settings: { mutations_sync: '2' } });
const found = async () =>
  (await verifyLedger({ client, from: null, onProgress() {} })).findings.map((one) =>
    one.kind === 'rollup' ? [one.table, one.day, one.tag] : one.kind,
  );
const repaired = async () => {
  const { findings } = await verifyLedger({ client, from: null, onProgress() {} });
  return repairLedger(client, findings);
};
const sums = (table: string) =>
  rowsOf(
    client,
    `SELECT day, sum(calls), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM tollgate.${table} GROUP BY day ORDER BY day`,
  );

test('sums that are those of the rows are found good', async () => {
  expect(await found()).toEqual([]);
});

test('a sum that is lost, changed, there twice or booked for another team is found with its day, and made anew', async () => {
  const good = await Promise.all(['usage_1d', 'runs', 'tags_1d'].map(sums));
  const wrongs: readonly (readonly [string, readonly unknown[]])[] = [
    [
      `ALTER TABLE tollgate.usage_1d DELETE WHERE day = '${first}' AND caller_team = 'shop'`,
      ['usage_1d', first, null],
    ],
    [
      `ALTER TABLE tollgate.usage_1d UPDATE cost_usd = cost_usd + toDecimal128('0.000000000001', 12) WHERE day = '${second}' AND caller_team = 'risk'`,
      ['usage_1d', second, null],
    ],
    [`ALTER TABLE tollgate.runs DELETE WHERE day = '${second}'`, ['runs', second, null]],
    [
      `INSERT INTO tollgate.runs SELECT * REPLACE ('other' AS agent) FROM tollgate.runs WHERE day = '${first}' LIMIT 1`,
      ['runs', first, null],
    ],
    [
      `ALTER TABLE tollgate.tags_1d DELETE WHERE day = '${second}' AND value = 'f1'`,
      ['tags_1d', second, 'feature'],
    ],
  ];
  for (const [statement, finding] of wrongs) {
    await change(statement);
    expect(await found()).toEqual([finding]);
    expect(await repaired()).toHaveLength(1);
    expect(await found()).toEqual([]);
  }
  expect(await Promise.all(['usage_1d', 'runs', 'tags_1d'].map(sums))).toEqual(good);
});

test('a tag counts from the day on that it was named: that day may be half, and those before are none', async () => {
  await change(`ALTER TABLE tollgate.tags_1d DELETE WHERE day = '${first}' AND value = 'f0'`);
  expect(await found()).toEqual([]);
});

test('rows that are there twice are one again, and so are their sums', async () => {
  const good = await sums('usage_1d');
  await change(
    `INSERT INTO tollgate.calls (${columnList}) SELECT ${columnList} FROM tollgate.calls WHERE seq BETWEEN 5 AND 9`,
  );
  expect(await found()).toContain('double');
  await repaired();
  expect(await found()).toEqual([]);
  expect(await sums('usage_1d')).toEqual(good);
  expect(await rowsOf(client, 'SELECT count() FROM tollgate.calls')).toEqual([[count]]);
});

test('a projection that parts lack is made anew', async () => {
  await change('ALTER TABLE tollgate.calls CLEAR PROJECTION by_hour');
  expect(new Set(await found())).toEqual(new Set(['projection']));
  expect((await repaired()).length).toBeGreaterThan(0);
  expect(await found()).toEqual([]);
});

test('what the rows cannot mend stays found', async () => {
  await change('ALTER TABLE tollgate.calls DELETE WHERE seq = 7');
  expect(await found()).toContain('missing');
  await repaired();
  expect(await found()).toEqual(['missing']);
});
