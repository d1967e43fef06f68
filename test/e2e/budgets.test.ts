/**
 * The promise "no budget overshoot": many calls at once against one hard budget, each billed to its last token. What the ledger says was
 * spent is never more than the budget, nothing stays reserved, and nothing was refused that fitted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';
import { ledgerReader, picodollars, type LedgerReader } from './ledger-reader.ts';

const budgetUsd = '0.02';
const budgets = `budgets:
  - { id: shop, scope: { team: shop }, unit: usd, limit: ${budgetUsd}, window: month }
  - { id: sessions, scope: { agent: looper }, unit: usd, limit: 0.0001, window: session }
  - { id: soft, unit: tokens, limit: 10, window: day, mode: soft }
  - { id: minute, scope: { user: '*' }, unit: requests, limit: 3, window: rolling, length: 60s }
  - { id: width, scope: { tag: kind=slow }, unit: parallel, limit: 1 }
`;

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  openai = await startOpenai({
    // The most that a call may be billed.
    script: ({ max_tokens: most, messages }) => ({
      words: 3,
      usage: {
        prompt_tokens: Math.ceil(JSON.stringify(messages).length / 3),
        completion_tokens: most,
        total_tokens: 0,
      },
      fault: { delayMs: 20 },
    }),
  });
  gateway = await startGateway({
    config: twoProviders(
      openai.origin,
      openai.origin,
      `ledger: { segmentAge: 50ms }\n${budgets}limits: { refusals: 10000, refusalsPerKey: 10000 }`,
    ),
    clickhouse,
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await reader.close();
  await Promise.all([openai.close(), clickhouse.stop()]);
});

interface Told {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Headers;
}

const ask = async (
  maxTokens: number,
  { stream = false, headers = {} }: { stream?: boolean; headers?: Record<string, string> } = {},
): Promise<Told> => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hello'.repeat(maxTokens % 7) }],
      max_tokens: maxTokens,
      stream,
    }),
  });
  const text = await reply.text();
  const body: unknown = reply.status === 200 ? {} : JSON.parse(text);
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : {};
  const { code = '', message = '' } = Object(error);
  return {
    status: reply.status,
    code: String(code),
    message: String(message),
    headers: reply.headers,
  };
};

/** Asks the ledger until it counts so many. */
const counts = async (wanted: number, where: string): Promise<void> => {
  const endMs = Date.now() + 120_000;
  for (;;) {
    const [found] = await reader.query<{ n: string }>(
      `SELECT count() AS n FROM tollgate.calls WHERE ${where}`,
    );
    if (Number(found?.n) === wanted) return;
    if (Date.now() > endMs) throw new Error(`${found?.n} rows, not ${wanted}, where ${where}`);
    await sleep(50);
  }
};

const metric = async (name: string, budget: string): Promise<readonly number[]> =>
  samples(await gateway.metrics())
    .filter((sample) => sample.name === name && sample.labels['budget'] === budget)
    .map(({ text }) => Number(text));

test('per session: a runaway agent stops itself, another conversation goes on', async () => {
  const looper = (session: string) => ({
    headers: { 'x-tollgate-agent': 'looper', 'x-tollgate-session': session },
  });
  expect((await ask(100, looper('one'))).status).toBe(200);
  const stopped = await ask(100, looper('one'));
  expect(stopped).toMatchObject({ status: 429, code: 'budget_exceeded' });
  expect(stopped.message).toMatch(
    /^Limit 'sessions' \(agent=looper, session=\*; here one\) of 0\.0001 dollars per life/,
  );
  expect(stopped.headers.get('x-should-retry')).toBe('false');
  expect((await ask(100, looper('two'))).status).toBe(200);
});

test('per minute: the fourth call of a user is told when to come again', async () => {
  const ada = { headers: { 'x-tollgate-user': 'ada' } };
  for (let i = 0; i < 3; i += 1) expect((await ask(1, ada)).status).toBe(200);
  const refused = await ask(1, ada);
  expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(61);
  expect((await ask(1, { headers: { 'x-tollgate-user': 'eve' } })).status).toBe(200);
});

test('at once: of two calls one is refused, and when the first is over the next may come', async () => {
  const slow = { headers: { 'x-tollgate-tags': 'kind=slow' } };
  const both = await Promise.all([ask(1, slow), ask(1, slow)]);
  expect(both.map(({ status }) => String(status)).sort()).toEqual(['200', '429']);
  expect((await ask(1, slow)).status).toBe(200);
});

test('six hundred calls at once spend no more than the budget, and no call is refused that fits', async () => {
  const sizes = Array.from({ length: 600 }, (_, i) => 1 + ((i * 7919) % 400));
  const told = await Promise.all(sizes.map((size, i) => ask(size, { stream: i % 2 === 0 })));
  const refused = told.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(50);
  for (const { status, code, message } of refused) {
    expect([status, code]).toEqual([429, 'budget_exceeded']);
    const [, needed = '', remaining = ''] =
      /needs up to ([\d.]+), ([\d.]+) remain/.exec(message) ?? [];
    expect(picodollars(needed)).toBeGreaterThan(picodollars(remaining));
  }
  const answered = told.length - refused.length;
  // What was refused for what others had reserved may fit once those are over: to the last call that does.
  let more = 0;
  for (let size = 400; size > 0; size = Math.floor(size / 2))
    while ((await ask(size)).status === 200) more += 1;
  await counts(
    answered + more,
    "outcome = 'answered' AND caller_user = '' AND agent = '' AND empty(tags)",
  );
  const [spent] = await reader.query<{ usd: string }>(
    "SELECT sum(cost_usd) AS usd FROM tollgate.calls WHERE caller_team = 'shop'",
  );
  const usd = picodollars(spent?.usd ?? '0');
  const limit = picodollars(budgetUsd);
  expect(usd).toBeLessThanOrEqual(limit);
  expect(Number(usd)).toBeGreaterThan(Number(limit) * 0.99);
  expect(await metric('tollgate_budget_reserved', 'shop')).toEqual([0]);
  const [ratio = NaN] = await metric('tollgate_budget_used_ratio', 'shop');
  expect(ratio).toBeCloseTo(Number(usd) / Number(limit), 9);
});

test('what was refused has rows and a counter, thresholds have log lines, and a soft budget refused nothing', async () => {
  const text = await gateway.metrics();
  const refusals = samples(text).filter(({ name }) => name === 'tollgate_limit_refusals_total');
  expect(new Set(refusals.map(({ labels }) => labels['limit']))).toEqual(
    new Set(['usd', 'requests', 'parallel']),
  );
  const counted = refusals.reduce((sum, { text }) => sum + Number(text), 0);
  await counts(
    counted,
    "outcome = 'throttled' AND error_code IN ('budget_exceeded', 'rate_limit_exceeded') AND empty(attempts.provider)",
  );
  expect((await metric('tollgate_budget_used_ratio', 'soft'))[0]).toBeGreaterThan(1);
  const lines = gateway
    .output()
    .split('\n')
    .filter((line) => line.includes('"budget":"shop"'));
  expect(lines.map((line) => /"threshold":"([^"]+)"/.exec(line)?.[1])).toEqual(
    expect.arrayContaining(['0.7', '0.8']),
  );
});
