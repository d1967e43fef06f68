/** kill -9 under load, again and again: what a provider served stands in the ledger, once. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { ownPath, tellApart } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { ledgerReader, type LedgerLine, type LedgerReader } from './ledger-reader.ts';
import { makeCall, planCall } from './workload.ts';

const own = ownPath();
const kills = 3;
const width = 30;

let clickhouse: FakeClickhouse;
let openai: Fake;
let anthropic: Fake;
let reader: LedgerReader;
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-kill9-'));

beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  [openai, anthropic] = [await startOpenai(), await startAnthropic()];
});
afterAll(async () => {
  await reader.close();
  await Promise.all([openai.close(), anthropic.close(), clickhouse.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
});

const start = (): Promise<RunningGateway> =>
  startGateway({
    config: twoProviders(
      openai.origin + own,
      anthropic.origin + own,
      'timeouts: { idle: 1s, firstByte: 2s, total: 20s }\nretry: { backoff: 5ms, backoffMax: 50ms }\nlog: { level: error }\nledger: { segmentAge: 200ms }',
    ),
    clickhouse,
    dataDir,
  });

test('no settled call is missing and none is twice after kill -9 under load; open intents are rows of their own', async () => {
  // As a client of another program, which has called somebody on this port before.
  await fetch(`${openai.origin}/?query=INSERT`, { method: 'POST', body: 'a row' });
  const answered = new Set<string>();
  /** What clients have whole, and what it cost by what they were told. */
  const whole = new Map<string, string | null>();
  let next = 0;
  for (let life = 0; life < kills; life += 1) {
    const gateway = await start();
    let alive = true;
    const worker = async (): Promise<void> => {
      while (alive) {
        const planned = planCall(7, next, gateway.key);
        next += 1;
        const { status, hungUp, isWhole, costUsd } = await makeCall(gateway.url, planned);
        if (isWhole && status === 200) whole.set(planned.traceId, costUsd);
        // A whole answer read before the kill: the client has proof of this call.
        if (alive && status === 200 && !hungUp) answered.add(planned.traceId);
      }
    };
    const before = answered.size;
    const load = Promise.all(Array.from({ length: width }, worker));
    for (let waitedMs = 0; answered.size < before + 40 && waitedMs < 60_000; waitedMs += 20)
      await sleep(20);
    await sleep(40 * life);
    alive = false;
    await gateway.kill9();
    await load;
  }
  const last = await start();
  // What the earlier lives left is shipped in the background; a slow machine takes its time.
  const spooled = async (): Promise<number> =>
    Number(/^tollgate_ledger_spool_bytes (\d+)/m.exec(await last.metrics())?.[1] ?? NaN);
  for (let waitedMs = 0; (await spooled()) > 0 && waitedMs < 60_000; waitedMs += 100)
    await sleep(100);
  expect(await spooled()).toBe(0);
  await last.stop();

  const verified = await runTollgate(dataDir, ['ledger', 'verify', '--json'], {
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
    TOLLGATE_CLICKHOUSE_USER: clickhouse.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.reader.password,
  });
  expect(JSON.parse(verified.out)).toMatchObject({ ok: true, lives: kills + 1, findings: [] });

  const lines = await reader.lines();
  const byTrace = Map.groupBy(lines, (line: LedgerLine) => line.trace_id);
  const twice = [...byTrace].filter(([, found]) => found.length > 1).map(([traceId]) => traceId);
  expect(twice).toEqual([]);

  const { byTrace: served, untraced } = tellApart([openai.journal, anthropic.journal], own);
  expect(untraced).toEqual([]);
  const missing = [...served.keys()].filter((traceId) => !byTrace.has(traceId));
  expect(missing).toEqual([]);
  expect([...answered].filter((traceId) => !byTrace.has(traceId))).toEqual([]);

  const otherwise = lines.filter(({ trace_id, outcome, cost_usd }) => {
    const costUsd = whole.get(trace_id);
    if (costUsd === undefined) return false;
    return outcome !== 'answered' || (costUsd !== null && Number(costUsd) !== Number(cost_usd));
  });
  expect(otherwise).toEqual([]);
  expect([...whole.values()].filter((costUsd) => costUsd !== null).length).toBeGreaterThan(20);

  const crashed = lines.filter(({ outcome }) => outcome === 'crashed');
  expect(crashed.length).toBeGreaterThan(0);
  // There are never more of them than calls were in flight when it was killed.
  expect(crashed.length).toBeLessThanOrEqual(kills * width);
  for (const line of crashed) {
    // `none`: it was never sent.
    expect(['estimated', 'partial', 'none']).toContain(line.usage_source);
    expect(line.attempt_providers.length).toBeGreaterThan(0);
  }
  expect(answered.size).toBeGreaterThan(100);
  process.stdout.write(
    `kill -9 x${kills}: ${served.size} calls reached a provider, ${lines.length} rows, ${crashed.length} crashed, 0 missing, 0 twice\n`,
  );
}, 600_000);
