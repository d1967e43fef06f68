/** Calls priced anew on the real engine: call and corrections together are what the call would have been by those prices. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { chargeTypes } from '../../../../gateway/src/contract/ledger.ts';
import type { PriceTable } from '../../../../gateway/src/decide/price.ts';
import {
  repriceLedger,
  type RepriceRequest,
} from '../../../../gateway/src/edge/ledger/corrections/reprice.ts';
import { verifyLedger } from '../../../../gateway/src/edge/ledger/verification.ts';
import { usdText } from '../../../../gateway/src/model/money.ts';
import { costOfAttempts, type Settlement } from '../../../../gateway/src/model/settlement.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { callBy, insertCalls, tableOf } from './priced-calls.ts';
import { rowsOf } from '../../../fakes/ask.ts';

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
const tables = ['calls', 'runs', 'usage_1d', 'tags_1d', 'correction_runs', 'correction_plans'];
/** Four of every sort. */
const count = 52;
const dayMs = 86_400_000;
/** Across the end of a month, so that a run has rows of two. */
const now = new Date();
const firstAtMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1) - 26 * 60_000;
const days = {
  from: new Date(firstAtMs).toISOString().slice(0, 10),
  to: new Date(firstAtMs + dayMs).toISOString().slice(0, 10),
};
const callsBy = (table: PriceTable): Settlement[] =>
  Array.from({ length: count }, (_, n) => callBy(n, table, firstAtMs));
const [then, other, third] = [
  tableOf('v1'),
  tableOf('v2', { mini: '0.2', search: '11', flex: '0.6', discount: '0.9' }),
  tableOf('v3', { mini: '0.125001', discount: '0.9' }),
];

beforeEach(async () => {
  for (const table of tables) await client.command({ query: `TRUNCATE TABLE tollgate.${table}` });
  await insertCalls(engine, callsBy(then), `life-${firstAtMs}-${Math.random()}`);
});

const ask = (query: string) => rowsOf(client, query);

const request = (prices: PriceTable, more: Partial<RepriceRequest> = {}): RepriceRequest => ({
  client,
  days,
  prices,
  reported: false,
  reason: 'rerate',
  isDry: false,
  limits: { rows: 12, bytes: 1_000_000 },
  onCalls() {},
  onBatch() {},
  ...more,
});

/** What each call comes to: cost, discount, cache, waste, by meter, by unit. */
const perCall = async () => {
  const rows =
    await ask(`SELECT toString(call_id) AS id, sum(cost_usd), sum(discount_usd), sum(prompt_cache_saved_usd), sum(waste_usd),
    ${chargeTypes.map((type) => `sumForEach(attempts.cost_${type})`).join(', ')}, sumForEach(attempts.cost_usd), sumForEach(attempts.discount_usd),
    mapFilter((unit, cost) -> cost != 0, sumMap(unit_costs)), sum(input_tokens), sum(output_tokens), sumMap(units), countIf(entry = 'call'), sum(duration_ms)
    FROM tollgate.calls GROUP BY id ORDER BY id`);
  return new Map(rows.map(([id, ...row]) => [id, row]));
};

const everywhere = `SELECT (SELECT sum(cost_usd) FROM tollgate.calls), (SELECT sum(cost_usd) FROM tollgate.attempts),
  (SELECT sum(BilledCost) FROM tollgate.focus), (SELECT sum(cost_usd) FROM tollgate.usage_1d), (SELECT sum(cost_usd) FROM tollgate.runs),
  (SELECT sum(cost_usd) FROM tollgate.tags_1d),
  (SELECT sum(cost_usd) FROM tollgate.calls WHERE day > today() - 400 SETTINGS force_optimize_projection_name = 'by_day'),
  (SELECT sum(cost_usd) FROM tollgate.calls WHERE hour > today() - 400 SETTINGS force_optimize_projection_name = 'by_hour')`;
const counts = `SELECT (SELECT countIf(entry = 'call') FROM tollgate.calls), (SELECT sum(calls) FROM tollgate.usage_1d), (SELECT sum(tries) FROM tollgate.usage_1d),
  (SELECT sum(calls) FROM tollgate.runs), (SELECT sum(calls) FROM tollgate.tags_1d), (SELECT sum(input_tokens) FROM tollgate.usage_1d)`;

/** The same by a ledger that was written with these prices; calls that keep their cost are those of `then`. */
const expectedPerCall = async (table: PriceTable) => {
  const before = await perCall();
  await client.command({ query: 'TRUNCATE TABLE tollgate.calls' });
  // A search by a model that searches, a stated cost and what has no price are priced alike, but for these.
  await insertCalls(engine, callsBy(table), `oracle-${Math.random()}`);
  const by = await perCall();
  return { before, by };
};
const costOfAll = (all: readonly Settlement[]): bigint =>
  all.reduce((sum, { attempts }) => sum + costOfAttempts(attempts), 0n);
const plain = (text: unknown): string =>
  String(text)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');

/** What is found of the rows; that sums beside them are not theirs any more is what `repair.long.ts` is about. */
const verified = async (): Promise<readonly unknown[]> => {
  const { findings } = await verifyLedger({ client, from: null, onProgress() {} });
  return findings.filter(({ kind }) => kind !== 'rollup');
};

test('a call and its corrections come to what it would have cost by these prices, meter by meter', async () => {
  const { changes, run } = await repriceLedger(request(other));
  expect(run?.rows).toBe(changes.changedCalls);
  expect(changes.changedCalls).toBeGreaterThan(25);
  expect(changes.kept).toEqual({ reported: 4, no_price: 4 });
  const corrected = await perCall();
  const { by } = await expectedPerCall(other);
  expect(corrected).toEqual(by);
});

test('every sum moves alike, and no call, try or token is counted once more', async () => {
  const counted = await ask(counts);
  const { changes } = await repriceLedger(request(other));
  const expected = usdText(costOfAll(callsBy(other)));
  const [sums = []] = await ask(everywhere);
  expect(sums.map(plain)).toEqual(sums.map(() => expected));
  expect(usdText(changes.total.costAfter)).toBe(expected);
  expect(await ask(counts)).toEqual(counted);
});

test('what a dry run says by team, provider and model is what is booked, and it books nothing', async () => {
  const before = await ask(everywhere);
  const dry = await repriceLedger(request(other, { isDry: true }));
  expect(await ask(everywhere)).toEqual(before);
  expect(await ask('SELECT count() FROM tollgate.correction_plans')).toEqual([[0]]);
  const { changes } = await repriceLedger(request(other));
  expect(dry.changes).toEqual(changes);
  const booked = await ask(
    "SELECT caller_team, provider, model, sum(cost_usd), sum(discount_usd) FROM tollgate.attempts WHERE entry = 'correction' GROUP BY ALL",
  );
  for (const [team, provider, model, cost, discount] of booked) {
    const group = changes.groups.find(
      (one) => one.team === team && one.provider === provider && one.model === model,
    );
    const paid = (group?.costAfter ?? 0n) - (group?.costBefore ?? 0n);
    expect([plain(cost), plain(discount)]).toEqual([
      usdText(paid),
      usdText((group?.listAfter ?? 0n) - (group?.listBefore ?? 0n) - paid),
    ]);
  }
  expect(changes.groups.filter((one) => one.costAfter !== one.costBefore).length).toBeGreaterThan(
    5,
  );
});

test('the same run twice writes nothing more; another one corrects call and corrections', async () => {
  await repriceLedger(request(other));
  const once = await ask('SELECT count() FROM tollgate.calls');
  const again = await repriceLedger(request(other));
  expect(again.run).toBeNull();
  expect(await ask('SELECT count() FROM tollgate.calls')).toEqual(once);
  await repriceLedger(request(third));
  const [sums = []] = await ask(everywhere);
  expect(sums.map(plain)).toEqual(sums.map(() => usdText(costOfAll(callsBy(third)))));
  await repriceLedger(request(then));
  const [back = []] = await ask(everywhere);
  expect(back.map(plain)).toEqual(back.map(() => usdText(costOfAll(callsBy(then)))));
  expect(await verified()).toEqual([]);
});

test('credit that was granted for a call stays granted', async () => {
  const [id] =
    (await ask("SELECT toString(call_id) FROM tollgate.calls WHERE model = 'mini' LIMIT 1"))[0] ??
    [];
  await client.command({
    query: `INSERT INTO tollgate.calls (started_at, call_id, entry, correction_run, correction_reason, replica, seq, org, caller_team, caller_app, cost_usd, unit_costs,
      attempts.provider, attempts.model, attempts.cost_usd, attempts.cost_other)
      SELECT started_at, call_id, 'correction', 'credit-1', 'credit', 'credit-1', 1, org, caller_team, caller_app, -0.5, map('credit', toDecimal64(-0.5, 12)),
        ['openai'], ['mini'], [toDecimal64(-0.5, 12)], [toDecimal64(-0.5, 12)]
      FROM tollgate.calls WHERE call_id = '${String(id)}'`,
  });
  await repriceLedger(request(other));
  const [sums = []] = await ask('SELECT sum(cost_usd) FROM tollgate.calls');
  expect(plain(sums[0])).toBe(usdText(costOfAll(callsBy(other)) - 500_000_000_000n));
});

test('a cost that the provider stated is worked out when that is asked for', async () => {
  const { changes } = await repriceLedger(request(other, { reported: true }));
  expect(changes.kept).toEqual({ no_price: 4 });
  const rows = await ask(
    "SELECT sumMap(unit_costs)['reported'], sumForEach(attempts.cost_other)[1] FROM tollgate.calls WHERE call_id IN (SELECT call_id FROM tollgate.calls WHERE price_status = 'provider_reported') GROUP BY call_id",
  );
  expect(rows).toEqual(Array.from({ length: 4 }, () => ['0', '0']));
});

/** A client that dies at its n-th insert: before it is sent, or when it was taken and its answer is awaited. */
const dying = (at: number, isTaken: boolean): { client: ClickHouseClient; inserts(): number } => {
  let inserts = 0;
  const exec: ClickHouseClient['exec'] = async (params) => {
    inserts += 1;
    if (inserts < at) return client.exec(params);
    if (inserts === at && isTaken) await client.exec(params);
    throw new Error('killed');
  };
  return {
    client: new Proxy(client, {
      get: (target, name) => (name === 'exec' ? exec : Reflect.get(target, name, target)),
    }),
    inserts: () => inserts,
  };
};

test('killed at an insert, before or behind it, the same run again completes: every row once, every sum right', async () => {
  // A batch for each month.
  const short = { limits: { rows: 1000, bytes: 1_000_000 } };
  const whole = dying(Infinity, false);
  await repriceLedger(request(other, { ...short, client: whole.client }));
  const corrections = "SELECT count() FROM tollgate.calls WHERE entry = 'correction'";
  const [[each] = []] = await ask(corrections);
  let runs = 1;
  // To and fro: a run goes on from what the ones before it booked.
  const last = whole.inserts();
  for (const at of new Set([1, Math.ceil(last / 2), last]))
    for (const isTaken of [false, true]) {
      runs += 1;
      const prices = runs % 2 === 0 ? then : other;
      const killed = repriceLedger(
        request(prices, { ...short, client: dying(at, isTaken).client }),
      );
      await expect(killed, `${at}`).rejects.toThrow('killed');
      await repriceLedger(request(prices, short));
      const [sums = []] = await ask(everywhere);
      const expected = usdText(costOfAll(callsBy(prices)));
      expect(sums.map(plain), `${at} ${isTaken}`).toEqual(sums.map(() => expected));
      expect(await ask(corrections)).toEqual([[Number(each) * runs]]);
    }
  expect(await verified()).toEqual([]);
}, 600_000);

const tamper = (query: string) =>
  client.command({ query, clickhouse_settings: { mutations_sync: '2' } });

test('a correction that is deleted, changed or put in twice is found, the last one of the last run too', async () => {
  const { run } = await repriceLedger(request(other));
  const last = run?.rows ?? 0;
  expect(await verified()).toEqual([]);
  await tamper(
    `ALTER TABLE tollgate.calls UPDATE correction_reason = 'bill' WHERE entry = 'correction' AND seq = ${last}`,
  );
  expect(await verified()).toMatchObject([{ kind: 'altered', replica: run?.run, to: last }]);
  await tamper(
    `ALTER TABLE tollgate.calls UPDATE correction_reason = 'rerate', billing_month = billing_month + 31 WHERE entry = 'correction' AND seq = ${last}`,
  );
  expect(await verified()).toMatchObject([{ kind: 'altered', to: last }]);
  await tamper(`ALTER TABLE tollgate.calls DELETE WHERE entry = 'correction' AND seq = ${last}`);
  expect(await verified()).toMatchObject([{ kind: 'missing', from: last, to: last }]);
  await tamper("ALTER TABLE tollgate.calls DELETE WHERE entry = 'correction'");
  expect(await verified()).toMatchObject([{ kind: 'missing', from: 1, to: last }]);
});

test('a call that says another month than its own, or a run of corrections, is found', async () => {
  await tamper(
    'ALTER TABLE tollgate.calls UPDATE billing_month = billing_month + 31 WHERE seq = 5',
  );
  expect(await verified()).toMatchObject([{ kind: 'misbooked' }]);
});

test('two runs at a time: one books, the other says so, and nothing is twice', async () => {
  const both = await Promise.allSettled([
    repriceLedger(request(other)),
    repriceLedger(request(other, { reason: 'contract' })),
  ]);
  await repriceLedger(request(other));
  expect(both.length).toBe(2);
  const [sums = []] = await ask(everywhere);
  expect(sums.map(plain)).toEqual(sums.map(() => usdText(costOfAll(callsBy(other)))));
  expect(await verified()).toEqual([]);
});
