/** What budgets have used survives kill -9 at any instant: after each start they are where the ledger is, to the last digit. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';
import { ledgerReader, picodollars, type LedgerReader } from './ledger-reader.ts';

const limitUsd = 0.1;
const config = (openai: string): string =>
  twoProviders(
    openai,
    openai,
    `ledger: { segmentAge: 30ms, keepShipped: 1ms }
budgets:
  - { id: month, scope: { team: shop }, unit: usd, limit: ${limitUsd}, window: month }
  - { id: users, scope: { user: '*' }, unit: requests, limit: 100000, window: day }
  - { id: talks, scope: { session: '*' }, unit: tokens, limit: 100000000, window: session }
  - { id: week, unit: requests, limit: 100000, window: rolling, length: 168h }`,
  );

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-budgets-'));
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  openai = await startOpenai({
    script: ({ max_tokens: most }) => ({
      words: 3,
      usage: { prompt_tokens: 20, completion_tokens: most, total_tokens: 0 },
      fault: { delayMs: 5 },
    }),
  });
});
afterAll(async () => {
  await reader.close();
  await Promise.all([openai.close(), clickhouse.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
});

/** Asks until the gateway is gone. */
const askOn = async ({ url, key }: RunningGateway, n: number): Promise<void> => {
  for (let i = 0; ; i += 1) {
    const stream = i % 2 === 0;
    const asked = fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'x-tollgate-user': `user${n % 3}`,
        'x-tollgate-session': `talk${n % 2}`,
      },
      body: JSON.stringify({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: 'hi' }],
        max_tokens: 1 + ((n * 31 + i * 7) % 50),
        stream,
      }),
    });
    const went = await asked.then((reply) => reply.text()).catch(() => null);
    if (went === null) return;
  }
};

/** What the gateway says was used of each account, as a number of its unit. */
const usedOf = async (gateway: RunningGateway): Promise<ReadonlyMap<string, number>> => {
  const all = samples(await gateway.metrics());
  const of = (name: string) =>
    new Map(
      all
        .filter((sample) => sample.name === name)
        .map(({ labels, text }) => [`${labels['budget']} ${labels['name']}`, Number(text)]),
    );
  const limits = of('tollgate_budget_limit');
  return new Map(
    [...of('tollgate_budget_used_ratio')].map(([name, ratio]) => [
      name,
      ratio * (limits.get(name) ?? NaN),
    ]),
  );
};

/** The same of the ledger. */
const ledgerSays = async (): Promise<ReadonlyMap<string, number>> => {
  const rows = await reader.query<{ name: string; used: string }>(`
    SELECT 'month shop' AS name, toString(sum(cost_usd)) AS used FROM tollgate.calls WHERE caller_team = 'shop' AND notEmpty(attempts.provider)
    UNION ALL SELECT concat('users ', caller_user), toString(count()) FROM tollgate.calls WHERE notEmpty(attempts.provider) GROUP BY caller_user
    UNION ALL SELECT concat('talks ', session_id), toString(sum(input_uncached + input_cache_read + output_text)) FROM tollgate.calls GROUP BY session_id
    UNION ALL SELECT 'week ', toString(count()) FROM tollgate.calls WHERE notEmpty(attempts.provider)`);
  return new Map(
    rows.map(({ name, used }) => [
      name,
      name === 'month shop' ? Number(picodollars(used)) / 1e12 : Number(used),
    ]),
  );
};

const rowsSettle = async (): Promise<void> => {
  let before = -1;
  for (let same = 0; same < 3;) {
    await sleep(400);
    const [found] = await reader.query<{ n: string }>('SELECT count() AS n FROM tollgate.calls');
    same = Number(found?.n) === before ? same + 1 : 0;
    before = Number(found?.n);
  }
};

test('after every kill -9 the budgets are where the ledger is', async () => {
  for (let cycle = 0; cycle < 4; cycle += 1) {
    const gateway = await startGateway({ config: config(openai.origin), clickhouse, dataDir });
    await rowsSettle();
    const [says, used] = [await ledgerSays(), await usedOf(gateway)];
    if (cycle > 0) expect(used.size).toBe(7);
    for (const [name, amount] of used)
      expect([name, amount]).toEqual([name, expect.closeTo(says.get(name) ?? 0, 9)]);
    const callers = Array.from({ length: 12 }, (_, n) => askOn(gateway, cycle * 12 + n));
    // Before what was used was first written down, and after.
    await sleep([300, 1700, 2600, 900][cycle] ?? 0);
    gateway.signal('SIGKILL');
    await gateway.gone;
    await Promise.all(callers);
  }
  const last = await startGateway({ config: config(openai.origin), clickhouse, dataDir });
  await rowsSettle();
  const says = await ledgerSays();
  const used = await usedOf(last);
  for (const [name, amount] of used)
    expect([name, amount]).toEqual([name, expect.closeTo(says.get(name) ?? 0, 9)]);
  expect(says.get('week ')).toBeGreaterThan(100);
  expect(await last.stop()).toBe(0);
  const again = await startGateway({ config: config(openai.origin), clickhouse, dataDir });
  expect(await usedOf(again)).toEqual(used);
  expect(await again.stop()).toBe(0);
});
