/** The views `attempts` and `focus`, the rollups and the projections, over a ledger whose every number is known. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clickhouseSink } from '../../gateway/src/edge/ledger/clickhouse.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { rowJson, someSettlement } from '../gateway/model/settlements.ts';
import {
  calls,
  costOf,
  costOfCall,
  dayOf,
  insertCalls,
  monthOf,
  sumOf,
  usdText,
  wasteOfCall,
  type Call,
} from './ledger.ts';
import { rowsOf } from '../fakes/ask.ts';

let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse();
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
  await client.insert({
    table: 'tollgate.allocation_tags',
    values: [{ tag: 'feature' }],
    format: 'JSONEachRow',
  });
  await insertCalls(engine, calls, 'all');
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});

const ask = (query: string, settings?: Readonly<Record<string, string>>) =>
  rowsOf(client, query, settings);
const usd = (pico: bigint): string => usdText(pico).replace(/\.?0+$/, '');
const tries = calls.flatMap((call) =>
  call.tries.map((one, i) => ({ ...one, call, number: i + 1 })),
);
const discount = sumOf(tries, (one) => one.discount);

/** The cost that each place says the whole ledger has; `tags_1d` of the calls with the tag alone. */
const sums = `SELECT (SELECT sum(cost_usd) FROM tollgate.calls), (SELECT sum(cost_usd) FROM tollgate.attempts),
  (SELECT sum(BilledCost) FROM tollgate.focus), (SELECT sum(cost_usd) FROM tollgate.usage_1d),
  (SELECT sum(cost_usd) FROM tollgate.runs), (SELECT sum(cost_usd) FROM tollgate.tags_1d)`;
const counts = `SELECT (SELECT countIf(entry = 'call') FROM tollgate.calls), (SELECT sum(calls) FROM tollgate.usage_1d),
  (SELECT sum(calls) FROM tollgate.runs), (SELECT sum(calls) FROM tollgate.tags_1d)`;

test('calls, attempts, meters and every rollup come to the same, to the last digit', async () => {
  const all = usd(sumOf(calls, costOfCall));
  const tagged = calls.filter(({ tags }) => 'feature' in tags);
  expect(await ask(sums)).toEqual([[all, all, all, all, all, usd(sumOf(tagged, costOfCall))]]);
  const isCall = ({ entry }: Call) => entry === 'call';
  const n = calls.filter(isCall).length;
  expect(await ask(counts)).toEqual([[n, n, n, tagged.filter(isCall).length]]);
});

test('an attempt has its own model, tokens, cost and reason, whichever way the call went', async () => {
  const rows =
    await ask(`SELECT call_id, entry, attempt, is_last, provider, model, account, service_tier, waste_reason, served,
    served_input_tokens, wasted_input_tokens, served_output_tokens, wasted_output_tokens, cost_usd, list_cost_usd, waste_usd
    FROM tollgate.attempts WHERE entry = 'call' ORDER BY started_at, call_id, attempt`);
  const made = tries.filter(({ call }) => call.entry === 'call');
  expect(rows).toHaveLength(made.length);
  const id = ({ at, seq }: Call) => [at.getTime(), seq] as const;
  const inOrder = made.toSorted((a, b) => {
    const [[atA, seqA], [atB, seqB]] = [id(a.call), id(b.call)];
    return atA - atB || seqA - seqB || a.number - b.number;
  });
  expect(rows.map(([, , ...row]) => row)).toEqual(
    inOrder.map((one) => {
      const isServed = one.waste === '';
      const tokens = [one.input + one.cached, one.output];
      return [
        one.number,
        one.number === one.call.tries.length ? 1 : 0,
        one.provider,
        one.model,
        one.account,
        one.tier,
        one.waste,
        isServed ? 1 : 0,
        ...tokens.flatMap((count) => (isServed ? [count, 0] : [0, count])),
        usd(costOf(one)),
        usd(costOf(one) + one.discount),
        usd(isServed ? 0n : costOf(one)),
      ];
    }),
  );
  expect(await ask('SELECT sum(waste_usd) FROM tollgate.attempts')).toEqual([
    [usd(sumOf(calls, wasteOfCall))],
  ]);
});

/** https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec/tree/v1.2/specification/columns: feature level Mandatory; true: may be null. */
// oxfmt-ignore
const mandatory = {
  BilledCost: false, BillingAccountId: false, BillingAccountName: true, BillingCurrency: false, BillingPeriodEnd: false,
  BillingPeriodStart: false, ChargeCategory: false, ChargeClass: true, ChargeDescription: true, ChargePeriodEnd: false,
  ChargePeriodStart: false, ContractedCost: false, EffectiveCost: false, InvoiceIssuerName: false, ListCost: false,
  PricingQuantity: true, PricingUnit: true, ProviderName: false, PublisherName: false, ServiceCategory: false, ServiceName: false,
};
/** The same, Recommended and Conditional. */
// oxfmt-ignore
const others = [
  'AvailabilityZone', 'BillingAccountType', 'CapacityReservationId', 'CapacityReservationStatus', 'ChargeFrequency', 'CommitmentDiscountCategory',
  'CommitmentDiscountId', 'CommitmentDiscountName', 'CommitmentDiscountQuantity', 'CommitmentDiscountStatus', 'CommitmentDiscountType',
  'CommitmentDiscountUnit', 'ConsumedQuantity', 'ConsumedUnit', 'ContractedUnitPrice', 'InvoiceId', 'ListUnitPrice', 'PricingCategory',
  'PricingCurrency', 'PricingCurrencyContractedUnitPrice', 'PricingCurrencyEffectiveCost', 'PricingCurrencyListUnitPrice', 'RegionId',
  'RegionName', 'ResourceId', 'ResourceName', 'ResourceType', 'ServiceSubcategory', 'SkuId', 'SkuMeter', 'SkuPriceDetails', 'SkuPriceId',
  'SubAccountId', 'SubAccountName', 'SubAccountType', 'Tags',
];

test('focus has the mandatory columns of FOCUS 1.2, no column that it does not know, and own ones behind x_', async () => {
  const names = (
    await ask("SELECT name FROM system.columns WHERE database = 'tollgate' AND table = 'focus'")
  ).map(([name]) => String(name));
  expect(Object.keys(mandatory)).toHaveLength(21);
  expect(Object.keys(mandatory).filter((name) => !names.includes(name))).toEqual([]);
  const strange = names.filter((name) => !(name in mandatory) && !others.includes(name));
  expect(strange.filter((name) => !name.startsWith('x_'))).toEqual([]);
  for (const [name, mayBeNull] of Object.entries(mandatory))
    if (!mayBeNull)
      expect(await ask(`SELECT countIf(${name} IS NULL) FROM tollgate.focus`), name).toEqual([[0]]);
});

test('an empty text is NULL', async () => {
  const texts = (
    await ask(
      "SELECT name FROM system.columns WHERE database = 'tollgate' AND table = 'focus' AND type LIKE '%String%'",
    )
  ).map(([name]) => String(name));
  expect(texts.length).toBeGreaterThan(20);
  const [empty] = await ask(
    `SELECT ${texts.map((name) => `countIf(${name} = '')`).join(', ')} FROM tollgate.focus`,
  );
  expect(empty?.map((n, i) => (n === 0 ? '' : texts[i])).filter((name) => name !== '')).toEqual([]);
  expect(
    await ask(
      'SELECT countIf(x_CostCenter IS NULL) > 0, countIf(RegionId IS NOT NULL) FROM tollgate.focus',
    ),
  ).toEqual([[1, 0]]);
});

test('list cost is cost and discount, and the price of a unit times its quantity', async () => {
  expect(
    await ask(
      'SELECT sum(ListCost), sum(BilledCost), sum(EffectiveCost), sum(ContractedCost) FROM tollgate.focus',
    ),
  ).toEqual([
    [
      usd(sumOf(calls, costOfCall) + discount),
      ...Array.from({ length: 3 }, () => usd(sumOf(calls, costOfCall))),
    ],
  ]);
  // A line of calls of which some had a discount has a price that is no round one: its product may miss the cost by its own last digits.
  const [off] =
    await ask(`SELECT countIf(abs(toFloat64(ListUnitPrice * PricingQuantity - ListCost)) > 1e-11), countIf(ListCost < BilledCost), max(ListUnitPrice) > 0
    FROM tollgate.focus WHERE ListUnitPrice IS NOT NULL AND x_CorrectionReason IS NULL`);
  expect(off).toEqual([0, 0, 1]);
});

test('a line is a meter of a day, with its tokens, its cost, its tier and the tags of the callers', async () => {
  const meters = [
    ['input_uncached', 'input', 'input'],
    ['input_cache_read', 'cached', 'cached'],
    ['output_text', 'output', 'output'],
    ['other', 'other', 'other'],
  ] as const;
  const expected = new Map<string, { tokens: number; cost: bigint }>();
  for (const { call, ...one } of tries)
    for (const [meter, tokens, cost] of meters) {
      const key = [
        dayOf(call),
        `${one.provider}/${one.model}/${meter}${one.tier === '' ? '' : `/${one.tier}`}`,
        call.key,
        call.tags['feature'] ?? null,
      ].join(' ');
      const sum = expected.get(key) ?? { tokens: 0, cost: 0n };
      expected.set(key, { tokens: sum.tokens + one[tokens], cost: sum.cost + one.costs[cost] });
    }
  const rows =
    await ask(`SELECT toString(toDate(ChargePeriodStart)), SkuPriceId, x_CredentialId, JSONExtract(Tags, 'feature', 'Nullable(String)') AS feature,
    toUInt64(sum(ConsumedQuantity)), sum(BilledCost), sum(PricingQuantity)
    FROM tollgate.focus GROUP BY ALL`);
  const found = new Map(
    rows.map(([day, sku, key, feature, tokens, cost]) => [
      [day, sku, key, feature].join(' '),
      [tokens, cost],
    ]),
  );
  const filled = [...expected].filter(([, { tokens, cost }]) => tokens !== 0 || cost !== 0n);
  expect(found.size).toBe(filled.length);
  for (const [key, { tokens, cost }] of filled)
    expect(found.get(key), key).toEqual([tokens, usd(cost)]);
  expect(
    await ask(
      'SELECT DISTINCT ConsumedUnit, PricingUnit, SubAccountId FROM tollgate.focus ORDER BY ConsumedUnit',
    ),
  ).toEqual([
    ['Tokens', '1000000 Tokens', 'default'],
    ['Units', 'Units', 'default'],
  ]);
});

test('a correction of a month that was closed is a Correction in the month that it is booked in', async () => {
  const later = calls.filter(({ entry }) => entry === 'correction');
  expect(later.length).toBeGreaterThan(10);
  const [row] = await ask(
    "SELECT sum(BilledCost), countIf(BillingPeriodStart <= ChargePeriodStart), min(ChargeCategory) FROM tollgate.focus WHERE ChargeClass = 'Correction'",
  );
  expect(row).toEqual([usd(sumOf(later, costOfCall)), 0, 'Usage']);
  expect(later.every((call) => call.billingMonth > monthOf(call))).toBe(true);
});

test('the same insert once more moves nothing, anywhere', async () => {
  const before = [await ask(sums), await ask(counts)];
  await insertCalls(engine, calls, 'all');
  expect([await ask(sums), await ask(counts)]).toEqual(before);
});

test('a correction moves all of them equally, and counts no call', async () => {
  const [before = []] = await ask(sums);
  const counted = await ask(counts);
  const call = calls.find(
    ({ tags, tries: own, entry }) => 'feature' in tags && own.length > 1 && entry === 'call',
  );
  if (call === undefined) throw new Error('no call to correct');
  const back = call.tries.map((one) => ({
    ...one,
    input: 0,
    cached: 0,
    output: 0,
    other: 0,
    costs: { input: -1_000_001n, cached: 0n, output: -2n, other: 0n },
    discount: 0n,
  }));
  await insertCalls(engine, [{ ...call, entry: 'correction', seq: 100_000, tries: back }], 'late');
  const moved = BigInt(call.tries.length) * -1_000_003n;
  const [after = []] = await ask(sums);
  const pico = (text: unknown): bigint => {
    const [whole = '0', fraction = ''] = String(text).split('.');
    return BigInt(whole) * 1_000_000_000_000n + BigInt(fraction.padEnd(12, '0'));
  };
  expect(after.map((text, i) => pico(text) - pico(before[i]))).toEqual(after.map(() => moved));
  expect(await ask(counts)).toEqual(counted);
});

const byTeam =
  'SELECT caller_team, sum(cost_usd), count() FROM tollgate.calls WHERE day > today() - 400 GROUP BY caller_team ORDER BY caller_team';

test('sums that lie beside the rows are the sums of the rows, also after a row that was there twice is merged away', async () => {
  const twins = calls.slice(0, 50);
  const beside = { force_optimize_projection_name: 'by_day' };
  const rows = { optimize_use_projections: '0' };
  const once = await ask(byTeam, rows);
  expect(await ask(byTeam, beside)).toEqual(once);
  // Under another token, as nobody should.
  await insertCalls(engine, twins, 'twins');
  const twice = await ask(byTeam, rows);
  expect(twice).not.toEqual(once);
  expect(await ask(byTeam, beside)).toEqual(twice);
  await client.command({ query: 'OPTIMIZE TABLE tollgate.calls FINAL' });
  expect(await ask(byTeam, rows)).toEqual(once);
  expect(await ask(byTeam, beside)).toEqual(once);
});

test.each([
  [
    'by_hour',
    'SELECT hour, caller_team, caller_app, sum(cost_usd) FROM tollgate.calls WHERE hour > today() - 400 GROUP BY ALL',
  ],
  [
    'speed_by_hour',
    "SELECT model, quantilesDD(0.01, 0.5, 0.9, 0.99)(duration_ms)[3] FROM tollgate.calls WHERE hour > today() - 400 AND entry = 'call' AND provider != '' GROUP BY model",
  ],
  [
    'by_day',
    'SELECT toStartOfMonth(day) AS month, outcome, sum(list_cost_usd), sum(prompt_cache_saved_usd), sum(output_tokens) FROM tollgate.calls WHERE day > today() - 400 GROUP BY ALL',
  ],
])('%s answers as the rows do', async (projection, query) => {
  const sorted = (rows: readonly (readonly unknown[])[]) =>
    rows.map((row) => JSON.stringify(row)).sort();
  const beside = sorted(await ask(query, { force_optimize_projection_name: projection }));
  expect(beside.length).toBeGreaterThan(2);
  expect(beside).toEqual(sorted(await ask(query, { optimize_use_projections: '0' })));
});

test("the ledger's inserts are not searched for rows that are there twice: a segment has none", async () => {
  const sink = clickhouseSink(engine);
  const row = Buffer.from(
    rowJson(
      { ...someSettlement, call: { ...someSettlement.call, startedAtMs: Date.now() } },
      'twice',
      1,
    ),
  );
  expect(await sink.insert([row, row], 'twice/1')).toEqual({ kind: 'done' });
  await sink.close();
  expect(await ask("SELECT count() FROM tollgate.calls WHERE replica = 'twice'")).toEqual([[2]]);
});
