/** `tollgate ledger reprice` on what a real gateway wrote: by its own prices nothing differs; by others the difference is booked, also when the command is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, testKey, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { ledgerReader, picodollars, type LedgerReader } from './ledger-reader.ts';

const calls = 60;
let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
let anthropic: Fake;
let gateway: RunningGateway;
let otherConfig: string;

const ask = async (n: number): Promise<void> => {
  const claude = n % 3 === 0;
  const reply = await fetch(`${gateway.url}${claude ? '/v1/messages' : '/v1/chat/completions'}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'x-api-key': gateway.key },
    body: JSON.stringify({
      model: claude ? 'claude-sonnet-4-5' : n % 7 === 0 ? 'gpt-of-nowhere' : 'gpt-4o-mini',
      max_tokens: 50,
      stream: n % 2 === 0,
      messages: [{ role: 'user', content: `Hello ${n}` }],
    }),
  });
  await reply.text();
};

beforeAll(async () => {
  [clickhouse, openai, anthropic] = await Promise.all([
    startClickhouse(),
    startOpenai(),
    startAnthropic(),
  ]);
  reader = ledgerReader(clickhouse);
  gateway = await startGateway({
    config: twoProviders(openai.origin, anthropic.origin),
    clickhouse,
  });
  for (let from = 0; from < calls; from += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => ask(from + i)));
  await reader.rowsReach(calls);
  otherConfig = join(gateway.dataDir, 'contract.yaml');
  copyFileSync(gateway.configPath, otherConfig);
  writeFileSync(
    otherConfig,
    `${readFileSync(otherConfig, 'utf8')}
prices: [{ provider: openai, model: gpt-4o-mini*, discount: 0.5, source: contract }]
`,
  );
});
afterAll(async () => {
  await gateway?.stop();
  await reader?.close();
  await Promise.all([openai?.close(), anthropic?.close(), clickhouse?.stop()]);
});

const environment = () => ({
  TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
  TOLLGATE_CLICKHOUSE_USER: clickhouse.user,
  TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.password,
  OPENAI_KEY: 'sk-openai-secret',
  ANTHROPIC_KEY: 'sk-anthropic-secret',
  TEST_KEY: testKey,
});
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const span = () => ['--from', day(Date.now() - 86_400_000), '--to', day(Date.now())];
const command = (config: string, ...more: readonly string[]) => [
  'ledger',
  'reprice',
  ...span(),
  '--config',
  config,
  ...more,
];
const run = (...args: readonly string[]) => runTollgate(gateway.dataDir, args, environment());

/** What it writes beside how far it is, which it says on a busy machine. */
const complaints = (err: string): string =>
  err.replace(/^tollgate: (priced \d+ calls|booked \d+ of \d+ batches)\n/gm, '');

const cost = async (): Promise<bigint> => {
  const [sum] = await reader.query<{ usd: string }>(
    'SELECT toString(sum(cost_usd)) AS usd FROM tollgate.calls',
  );
  return picodollars(sum?.usd ?? '');
};

test('by the prices that the gateway had nothing differs, and nothing is written', async () => {
  const { code, out, err } = await run(...command(gateway.configPath, '--json'));
  expect({ code, err: complaints(err) }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    calls,
    changedCalls: 0,
    corrections: 0,
    run: null,
  });
});

test('a dry run says what a contract would change, and a version that is not the one meant stops it', async () => {
  const before = await cost();
  const dry = await run(...command(otherConfig, '--dry-run', '--json'));
  expect(dry.code).toBe(0);
  const said: {
    priceVersion: string;
    total: Record<'costBefore' | 'costAfter' | 'listBefore' | 'listAfter', string>;
  } = JSON.parse(dry.out);
  expect(picodollars(said.total.costBefore)).toBe(before);
  expect(picodollars(said.total.costAfter)).toBeLessThan(before);
  expect(said.total.listAfter).toBe(said.total.listBefore);
  expect(await cost()).toBe(before);
  const plain = await run(...command(otherConfig, '--dry-run'));
  expect(plain.out).toMatch(/^ {2}shop openai\/gpt-4o-mini: \d/m);
  expect(plain.out).toContain('nothing was written');
  const wrong = await run(...command(otherConfig, '--prices', 'v1'));
  expect(wrong).toMatchObject({ code: 1, out: '' });
  expect(wrong.err).toContain(`the prices are ${said.priceVersion}, not v1: nothing was done`);
});

test('killed at any moment, the same command again books all of it, once', async () => {
  const dry = await run(...command(otherConfig, '--dry-run', '--json'));
  const { total, changedCalls }: { total: { costAfter: string }; changedCalls: number } =
    JSON.parse(dry.out);
  for (const afterMs of [250, 450, 650, 850]) {
    const child = spawn(
      process.execPath,
      [resolve('gateway/src/cli.ts'), ...command(otherConfig)],
      { cwd: gateway.dataDir, env: { ...process.env, ...environment() }, stdio: 'ignore' },
    );
    const gone = once(child, 'exit');
    await new Promise((done) => setTimeout(done, afterMs));
    child.kill('SIGKILL');
    await gone;
  }
  let whole = await run(...command(otherConfig));
  // The server may still be at the last request of the process that was killed; then the run after it says so.
  if (whole.err.includes('another run of corrections')) whole = await run(...command(otherConfig));
  expect({ code: whole.code, err: complaints(whole.err) }).toEqual({ code: 0, err: '' });
  expect(await cost()).toBe(picodollars(total.costAfter));
  const again = await run(...command(otherConfig));
  expect(again.out).toContain('nothing to book: the ledger has these prices already');
  const rows = await reader.query(
    "SELECT toUInt32(count()) AS n, toUInt32(uniqExact(call_id)) AS ids FROM tollgate.calls WHERE entry = 'correction'",
  );
  expect(rows).toEqual([{ n: changedCalls, ids: changedCalls }]);
  const verified = await run('ledger', 'verify', '--json');
  expect(JSON.parse(verified.out)).toMatchObject({ ok: true, findings: [] });
});

test.each([
  [['--from', '2026-10-02', '--to', '2026-10-01'], 'lies before'],
  [['--from', 'monday', '--to', '2026-10-01'], '--from is a day'],
  [['--from', '2026-10-01', '--to', '2026-10-02', '--reason', 'credit'], '--reason'],
  [['--from', '2026-10-01'], '--to is missing'],
])('%j is called wrongly: exit code 2', async (args, words) => {
  const { code, err } = await run('ledger', 'reprice', ...args);
  expect(code).toBe(2);
  expect(err).toContain(words);
});
