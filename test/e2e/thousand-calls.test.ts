/**
 * The promise "no call unaccounted": a thousand calls of every kind through the whole product, then fakes' journals,
 * ledger, traces and metrics held against each other, call by call.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { ownPath, tellApart, type Served, type Told } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { startRouter, type RunningRouter } from '../trace-router/router.ts';
import { samples, type Sample } from './exposition.ts';
import { ledgerReader, picodollars, type LedgerLine, type LedgerReader } from './ledger-reader.ts';
import { makeCalls, type Outcome } from './workload.ts';

const own = ownPath();
const calls = 1000;
const seed = 20261122;

let clickhouse: FakeClickhouse;
let router: RunningRouter;
let openai: Fake;
let anthropic: Fake;
let gateway: RunningGateway;
let reader: LedgerReader;
let outcomes: readonly Outcome[];
let lines: readonly LedgerLine[];
let series: readonly Sample[] = [];
let served: Told['byTrace'];
let untraced: Told['untraced'];

beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  [openai, anthropic] = [await startOpenai(), await startAnthropic()];
  router = await startRouter(
    {
      sampler: { decisionWait: '500ms', decisionWaitAfterRootReceived: '200ms' },
      write: { linger: '200ms' },
    },
    clickhouse,
  );
  gateway = await startGateway({
    config: twoProviders(
      openai.origin + own,
      anthropic.origin + own,
      'timeouts: { idle: 1s, firstByte: 2s, total: 8s }\nretry: { backoff: 5ms, backoffMax: 50ms }\nlog: { level: warn }',
    ),
    clickhouse,
    otlpEndpoint: `http://${router.grpcAddress}`,
  });
  // As a client of another program, which has called somebody on this port before.
  await fetch(`${openai.origin}/?query=INSERT`, { method: 'POST', body: 'a row' });
  outcomes = await makeCalls({
    url: gateway.url,
    key: gateway.key,
    seed,
    from: 0,
    to: calls,
    width: 40,
  });
  // A client that hangs up is done before the gateway is: what is compared is an account that stands still.
  const counted = (): bigint => total('tollgate_calls_total', ({ text }) => BigInt(text));
  const inFlight = (): bigint => total('tollgate_inflight_calls', ({ text }) => BigInt(text));
  for (let before = -1n; before !== counted() || inFlight() !== 0n; await sleep(500)) {
    before = counted();
    series = samples(await gateway.metrics());
  }
  await reader.rowsReach(Number(counted() - unwritten()));
  lines = await reader.lines();
  ({ byTrace: served, untraced } = tellApart([openai.journal, anthropic.journal], own));
}, 600_000);

afterAll(async () => {
  await reader.close();
  await gateway.stop();
  await router.stop();
  await Promise.all([openai.close(), anthropic.close(), clickhouse.stop()]);
});

const total = (name: string, value: (sample: Sample) => bigint): bigint =>
  series.filter((sample) => sample.name === name).reduce((sum, sample) => sum + value(sample), 0n);
/** Refused calls that were only counted: without row, spans and line. */
const unwritten = (): bigint => total('tollgate_calls_unwritten_total', ({ text }) => BigInt(text));
const tokensOf = (entry: Served): { input: number; output: number } | null => {
  const { usage } = entry;
  if (usage === null) return null;
  const number = (key: string): number => Number(usage[key] ?? 0);
  return usage['prompt_tokens'] === undefined && usage['input_tokens'] !== undefined
    ? {
        input:
          number('input_tokens') +
          number('cache_read_input_tokens') +
          number('cache_creation_input_tokens'),
        output: number('output_tokens'),
      }
    : { input: number('prompt_tokens'), output: number('completion_tokens') };
};

test('every call made has exactly one row, but for refused ones that are counted instead', () => {
  const traceIds = new Set(lines.map((line) => line.trace_id));
  expect(traceIds.size).toBe(lines.length);
  expect(new Set(lines.map((line) => line.call_id)).size).toBe(lines.length);
  let counted = 0n;
  let unheard = 0n;
  for (const { planned, status, hungUp } of outcomes) {
    if (traceIds.has(planned.traceId)) continue;
    if (status === 401 && !served.has(planned.traceId)) {
      counted += 1n;
      continue;
    }
    // A stranger who hung up before hearing the refusal may have been refused all the same.
    if (planned.isStranger) unheard += 1n;
    // Gone before its request was whole: there was no call.
    expect([hungUp, status, served.has(planned.traceId)]).toEqual([true, 0, false]);
  }
  expect(unwritten()).toBeGreaterThanOrEqual(counted);
  expect(unwritten()).toBeLessThanOrEqual(counted + unheard);
  expect(lines.length + Number(counted)).toBeGreaterThan(calls * 0.98);
});

test('the workload has every ending that a provider or client can cause', () => {
  const endings = new Set(lines.map(({ outcome }) => outcome));
  for (const outcome of [
    'answered',
    'abandoned',
    'unidentified',
    'refused',
    'exhausted',
    'broken',
  ]) {
    expect(endings).toContain(outcome);
  }
  expect(endings).not.toContain('crashed');
  expect(lines.some(({ attempt_providers }) => new Set(attempt_providers).size === 2)).toBe(true);
});

test('every request that a provider served is an attempt of the row of its call', () => {
  expect(untraced).toEqual([]);
  for (const [traceId, entries] of served) {
    const line = lines.find((one) => one.trace_id === traceId);
    expect(line, traceId).toBeDefined();
    if (line?.outcome === 'abandoned') {
      expect(line.attempt_providers.length).toBeGreaterThanOrEqual(entries.length);
      continue;
    }
    expect(line?.attempt_providers.length, `${traceId} ${JSON.stringify(line)}`).toBe(
      entries.length,
    );
  }
  for (const line of lines) {
    if (line.attempt_providers.length > 0 && line.outcome !== 'abandoned')
      expect(served.has(line.trace_id)).toBe(true);
  }
});

test('what the client saw is what the row says', () => {
  for (const { planned, status, hungUp } of outcomes) {
    const line = lines.find((one) => one.trace_id === planned.traceId);
    if (hungUp || line === undefined) continue;
    // A stream that breaks has sent its 200 already.
    if (line.outcome === 'broken') expect(status).toBe(200);
    else expect(line.http_status, JSON.stringify(line)).toBe(status);
  }
});

test('an answered call has the tokens that its provider promised, and says where they come from', () => {
  let compared = 0;
  for (const line of lines) {
    if (line.outcome !== 'answered') continue;
    const entry = served.get(line.trace_id)?.at(-1);
    const tokens = entry === undefined ? null : tokensOf(entry);
    const source = line.attempt_sources.at(-1);
    if (tokens === null) {
      expect(source).toBe('estimated');
      continue;
    }
    if (line.attempt_providers.length > 1) continue;
    compared += 1;
    expect([Number(line.input_tokens), Number(line.output_tokens)]).toEqual([
      tokens.input,
      tokens.output,
    ]);
    expect(['provider', 'partial']).toContain(source);
  }
  expect(compared).toBeGreaterThan(200);
});

test('metrics equal the ledger to the last token and pico-dollar', async () => {
  const [sums] = await reader.query<{
    tokens: string;
    cost: string;
    waste: string;
    attempts: string;
  }>(
    `SELECT sum(input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image
       + output_text + output_reasoning + output_audio + output_image) AS tokens,
       sum(cost_usd) AS cost, sum(waste_usd) AS waste, sum(length(attempts.provider)) AS attempts FROM tollgate.calls`,
  );
  const integer = ({ text }: Sample): bigint => BigInt(text);
  const money = ({ text }: Sample): bigint => picodollars(Number(text).toFixed(12));
  expect(total('tollgate_tokens_total', integer)).toBe(BigInt(sums?.tokens ?? -1));
  expect(total('tollgate_cost_usd_total', money)).toBe(picodollars(sums?.cost ?? ''));
  expect(total('tollgate_model_cost_usd_total', money)).toBe(picodollars(sums?.cost ?? ''));
  expect(total('tollgate_waste_usd_total', money)).toBe(picodollars(sums?.waste ?? ''));
  expect(total('tollgate_provider_attempts_total', integer)).toBe(BigInt(sums?.attempts ?? -1));
  expect(total('gen_ai_client_token_usage_sum', integer)).toBe(BigInt(sums?.tokens ?? -1));
  const byOutcome = Object.groupBy(lines, ({ outcome }) => outcome);
  for (const [outcome, found] of Object.entries(byOutcome)) {
    const counted = (name: string): number =>
      series
        .filter((one) => one.name === name && one.labels['outcome'] === outcome)
        .reduce((sum, { text }) => sum + Number(text), 0);
    expect(counted('tollgate_calls_total'), outcome).toBe(
      (found?.length ?? 0) + counted('tollgate_calls_unwritten_total'),
    );
  }
  expect(total('tollgate_ledger_conservation_error', integer)).toBe(0n);
  expect(total('tollgate_inflight_calls', integer)).toBe(0n);
  expect(total('tollgate_open_streams', integer)).toBe(0n);
  expect(Number(sums?.cost)).toBeGreaterThan(0);
});

test('metrics and rows call a model the same, which is what it was asked for and not what it answers', async () => {
  const rows = await reader.query<{ provider: string; model: string; cost: string }>(
    `SELECT provider, model, toString(sum(cost)) AS cost FROM
       (SELECT attempts.provider AS providers, attempts.model AS models, attempts.cost_usd AS costs FROM tollgate.calls)
       ARRAY JOIN providers AS provider, models AS model, costs AS cost GROUP BY provider, model ORDER BY provider, model`,
  );
  const counted = series
    .filter(({ name }) => name === 'tollgate_model_cost_usd_total')
    .map(({ labels, text }) => [
      `${labels['provider']}/${labels['model']}`,
      picodollars(Number(text).toFixed(12)),
    ]);
  expect(
    new Map(rows.map((row) => [`${row.provider}/${row.model}`, picodollars(row.cost)])),
  ).toEqual(new Map(counted.map(([name, cost]) => [name, cost])));
  const [{ answered } = { answered: [] }] = await reader.query<{ answered: readonly string[] }>(
    'SELECT groupUniqArray(model_answered) AS answered FROM tollgate.calls WHERE model != model_answered',
  );
  expect([...answered].sort()).toEqual(
    expect.arrayContaining(['claude-sonnet-4-5-20250929', 'gpt-4o-mini-2024-07-18']),
  );
});

test('every kept trace is whole: a span for the call and one for each attempt, under one root', async () => {
  const endMs = Date.now() + 150_000;
  const expected = lines.reduce((sum, line) => sum + 1 + line.attempt_providers.length, 0);
  let spans: readonly { TraceId: string; n: string; roots: string }[] = [];
  for (;;) {
    spans = await reader.query(
      `SELECT TraceId, count() AS n, countIf(SpanKind = 'Server') AS roots FROM tollgate.otel_traces GROUP BY TraceId`,
    );
    const found = spans.reduce((sum, { n }) => sum + Number(n), 0);
    if (found >= expected || Date.now() > endMs) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const byTrace = new Map(spans.map((one) => [one.TraceId, one]));
  for (const line of lines) {
    expect(Number(byTrace.get(line.trace_id)?.n ?? 0), line.trace_id).toBe(
      1 + line.attempt_providers.length,
    );
    expect(byTrace.get(line.trace_id)?.roots).toBe('1');
  }
});

test('no credential of a provider or caller is in a row, a span or the log', async () => {
  const rows = JSON.stringify(await reader.query('SELECT * FROM tollgate.calls'));
  const spans = JSON.stringify(await reader.query('SELECT * FROM tollgate.otel_traces'));
  for (const secret of ['sk-openai-secret', 'sk-anthropic-secret', gateway.key]) {
    expect(rows.includes(secret)).toBe(false);
    expect(spans.includes(secret)).toBe(false);
    expect(gateway.output().includes(secret)).toBe(false);
  }
});
