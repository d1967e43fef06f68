/** A ledger that an earlier version began: brought to this checkout's tables, its rows give the same answers as those written since. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate, migrationFolders, splitStatements } from '../../deploy/clickhouse/migrate.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { rowsOf } from '../fakes/ask.ts';

const folder = path.resolve('gateway/migrations');
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.sql'))
  .sort();

let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse({ migrated: false });
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});
beforeEach(async () => {
  await client.command({ query: 'DROP DATABASE IF EXISTS tollgate' });
});

const bring = (folders: readonly string[]) => migrate({ ...engine, folders, log: () => {} });

/** The gateway's migrations up to this file, as an earlier checkout had them. */
const bringTo = async (last: string): Promise<void> => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-earlier-'));
  try {
    const earlier = path.join(dir, 'gateway', 'migrations');
    mkdirSync(earlier, { recursive: true });
    for (const file of files.slice(0, files.indexOf(last) + 1))
      copyFileSync(path.join(folder, file), path.join(earlier, file));
    await bring([earlier]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

const stamp = new Date(Date.now() - 86_400_000).toISOString().replace('T', ' ').replace('Z', '');
/** A call with two attempts and one without, as every version can write them. */
const rows = (from: number) => [
  {
    started_at: stamp,
    call_id: `019aabcd-0000-7000-8000-${String(from).padStart(12, '0')}`,
    replica: 'a',
    seq: from,
    org: 'default',
    caller_team: 'search',
    agent: 'planner',
    trace_id: 'aa',
    session_id: 'bb',
    tags: { feature: 'chat' },
    provider: 'anthropic',
    model: 'claude',
    outcome: 'answered',
    input_uncached: 30,
    output_text: 7,
    cost_usd: '0.750000000001',
    waste_usd: '0.25',
    'attempts.provider': ['openai', 'anthropic'],
    'attempts.model': ['gpt', 'claude'],
    'attempts.input_uncached': [10, 20],
    'attempts.output_text': [0, 7],
    'attempts.cost_usd': ['0.25', '0.500000000001'],
    'attempts.cost_output_text': ['0.25', '0.500000000001'],
    'attempts.waste_reason': ['fallback', ''],
  },
  {
    started_at: stamp,
    call_id: `019aabcd-0000-7000-8000-${String(from + 1).padStart(12, '0')}`,
    replica: 'a',
    seq: from + 1,
    org: 'default',
    caller_team: 'search',
    trace_id: 'aa',
    session_id: 'bb',
    outcome: 'throttled',
  },
];

const insert = async (from: number): Promise<void> => {
  for (const row of rows(from)) {
    const [first = '', ...others] = Object.keys(row);
    await client.insert({
      table: 'tollgate.calls',
      columns: [first, ...others],
      values: [row],
      format: 'JSONEachRow',
    });
  }
};

const ask = (query: string, settings?: Readonly<Record<string, string>>) =>
  rowsOf(client, query, settings);

const mutationsDone = async (): Promise<void> => {
  for (let i = 0; i < 200; i += 1) {
    const [[open] = []] = await ask('SELECT count() FROM system.mutations WHERE NOT is_done');
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('projections are not made');
};

const byTeam = `SELECT caller_team, sum(cost_usd), sum(waste_usd), sum(input_tokens), sum(output_tokens), count()
  FROM tollgate.calls WHERE day >= today() - 7 GROUP BY caller_team`;

describe.each(files.slice(0, -1))('a ledger that stands at %s', (last) => {
  test('keeps its answers, and goes on with them', async () => {
    await bringTo(last);
    await insert(1);
    await bring(migrationFolders);
    await mutationsDone();
    const check = async (times: number) => {
      const usd = (pico: bigint) =>
        `${(pico * BigInt(times)) / 1_000_000_000_000n}.${String((pico * BigInt(times)) % 1_000_000_000_000n).padStart(12, '0')}`.replace(
          /\.?0+$/,
          '',
        );
      const [cost, waste, first] = [
        usd(750_000_000_001n),
        usd(250_000_000_000n),
        usd(500_000_000_001n),
      ];
      const calls = 2 * times;
      expect(await ask(byTeam, { force_optimize_projection_name: 'by_day' })).toEqual([
        ['search', cost, waste, 30 * times, 7 * times, calls],
      ]);
      expect(await ask(byTeam, { optimize_use_projections: '0' })).toEqual([
        ['search', cost, waste, 30 * times, 7 * times, calls],
      ]);
      expect(
        await ask(
          "SELECT sum(calls), sum(cost_usd), sum(waste_usd), sum(input_tokens) FROM tollgate.runs WHERE trace_id = 'aa' AND session_id = 'bb'",
        ),
      ).toEqual([[calls, cost, waste, 30 * times]]);
      expect(
        await ask(
          'SELECT provider, model, waste_reason, sum(calls), sum(tries), sum(input_tokens), sum(cost_usd) FROM tollgate.usage_1d GROUP BY ALL ORDER BY provider',
        ),
      ).toEqual([
        ['', '', '', times, 0, 0, '0'],
        ['anthropic', 'claude', '', times, times, 20 * times, first],
        ['openai', 'gpt', 'fallback', 0, times, 10 * times, waste],
      ]);
      expect(
        await ask(
          'SELECT model, model_answered, sum(wasted_input_tokens), sum(served_output_tokens), sum(cost_usd) FROM tollgate.attempts GROUP BY ALL ORDER BY model',
        ),
      ).toEqual([
        ['claude', 'claude', 0, 7 * times, first],
        ['gpt', 'gpt', 10 * times, 0, waste],
      ]);
      expect(await ask('SELECT sum(BilledCost), sum(ListCost) FROM tollgate.focus')).toEqual([
        [cost, cost],
      ]);
    };
    await check(1);
    await insert(3);
    // Rows of now name the model that answered; rows of before say it in `model`.
    await check(2);
  });
});

test('a migration that was cut off behind any statement bears that statement once more', async () => {
  await bringTo('0001_calls.sql');
  await insert(1);
  for (const file of files.slice(1))
    for (const statement of splitStatements(readFileSync(path.join(folder, file), 'utf8')))
      for (const query of [statement, statement]) await client.command({ query });
  await mutationsDone();
  await insert(3);
  expect(
    await ask(
      'SELECT (SELECT sum(cost_usd) FROM tollgate.calls), (SELECT sum(cost_usd) FROM tollgate.runs), (SELECT sum(cost_usd) FROM tollgate.usage_1d), (SELECT sum(BilledCost) FROM tollgate.focus)',
    ),
  ).toEqual([['1.500000000002', '1.500000000002', '1.500000000002', '1.500000000002']]);
});
