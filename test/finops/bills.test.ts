/** `tollgate bills import` and `compare` on the real engine: bills made from calls whose cost is known, and bills that differ from them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { measureDrift, startDriftWatch } from '../../gateway/src/edge/bills/drift.ts';
import {
  calls,
  costOf,
  dayOf,
  dayText,
  daysAgo,
  insertCalls,
  sumOf,
  today,
  usdText,
} from './ledger.ts';
import { rowsOf } from '../fakes/ask.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-bills-'));
let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse();
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
  await insertCalls(engine, calls, 'all');
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['provider_bills', 'bill_reports', 'reconciliation_drift'])
    await client.command({ query: `TRUNCATE TABLE tollgate.${table}` });
});

const run = (...args: readonly string[]) =>
  runTollgate(directory, ['bills', ...args], {
    TOLLGATE_CLICKHOUSE_URL: engine.url,
    TOLLGATE_CLICKHOUSE_USER: engine.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: engine.password,
  });
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(directory, name), content);
  return name;
};
const ask = (query: string) => rowsOf(client, query);

const [from, to] = [dayText(daysAgo(12)), dayText(daysAgo(8))];
const tries = calls
  .flatMap((call) => call.tries.map((one) => ({ ...one, day: dayOf(call) })))
  .filter(({ day }) => day >= from && day <= to);
const days = [...new Set(tries.map(({ day }) => day))].toSorted();
const usd = (pico: bigint): string => usdText(pico);

/** What a provider bills for each day and model of one account. */
const billed = (provider: string, account: string) =>
  days.flatMap((day) => {
    const own = tries.filter(
      (one) => one.provider === provider && one.account === account && one.day === day,
    );
    return [...new Set(own.map(({ model }) => model))].map((model) => ({
      day,
      model,
      amount: sumOf(
        own.filter((one) => one.model === model),
        costOf,
      ),
    }));
  });

type Line = ReturnType<typeof billed>[number];
/** In two lines each, input and output, as OpenAI has it. */
const openaiBill = (lines: readonly Line[]): string =>
  JSON.stringify({
    object: 'page',
    data: days.map((day) => ({
      object: 'bucket',
      start_time: Date.parse(day) / 1000,
      results: lines
        .filter((line) => line.day === day)
        .flatMap(({ model, amount }) => [
          { amount: { value: usd(amount / 3n), currency: 'usd' }, line_item: `${model}, input` },
          {
            amount: { value: usd(amount - amount / 3n), currency: 'usd' },
            line_item: `${model}, output`,
          },
        ]),
    })),
    has_more: false,
  });

const reconciled = (provider = 'openai', account = 'openai-0') =>
  ask(`SELECT toString(day), model, verdict FROM tollgate.reconciliation
    WHERE day >= '${from}' AND day <= '${to}' AND provider = '${provider}' AND account = '${account}' ORDER BY day, model`);

test('a bill that says what the ledger says matches, line by line, and the command says so', async () => {
  for (const account of ['openai-0', 'openai-1']) {
    const bill = file(`${account}.json`, openaiBill(billed('openai', account)));
    const { code, out, err } = await run(
      'import',
      '--format',
      'openai',
      bill,
      '--account',
      account,
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^imported: \$\d+\.\d+ of openai, /);
  }
  const lines = await reconciled();
  expect(lines.map(([day, model]) => [day, model])).toEqual(
    billed('openai', 'openai-0')
      .map(({ day, model }) => [day, model])
      .toSorted((a, b) => (a.join() < b.join() ? -1 : 1)),
  );
  expect(new Set(lines.map(([, , verdict]) => verdict))).toEqual(new Set(['matched']));
  const { code, out } = await run('compare', '--from', from, '--to', to);
  expect(out).toMatch(/^no bill was ever imported of anthropic, mistral\n\d+ matched\n$/);
  expect(code).toBe(0);
});

test('each way to differ has its verdict', async () => {
  const all = billed('openai', 'openai-0');
  const named = ({ day, model }: { day: string; model: string }): string => `${day} ${model}`;
  const [dearer, cheaper, gone, same] = all.map(named);
  const dollar = 1_000_000_000_000n;
  const changed = all
    .filter((line) => named(line) !== gone)
    .map((line) => {
      const more = named(line) === dearer ? dollar : named(line) === cheaper ? -dollar : 0n;
      return { ...line, amount: line.amount + more };
    });
  const stranger = { day: days[1] ?? '', model: 'gpt-of-somebody', amount: 5n * dollar };
  const bill = file('differs.json', openaiBill([...changed, stranger]));
  await run('import', '--format', 'openai', bill, '--account', 'openai-0');
  const verdicts = new Map(
    (await reconciled()).map(([day, model, verdict]) => [
      `${String(day)} ${String(model)}`,
      verdict,
    ]),
  );
  expect(
    [dearer, cheaper, gone, named(stranger), same].map((name) => verdicts.get(name ?? '')),
  ).toEqual(['ledger_under', 'ledger_over', 'missing_in_bill', 'missing_in_ledger', 'matched']);
  // What somebody else used is five dollars that the ledger does not have; the other differences of price make up for each other.
  const shown: unknown[] = [];
  const problems: string[] = [];
  await measureDrift(client, today.getTime());
  await new Promise<void>((resolve) => {
    const watch = startDriftWatch({
      clickhouse: engine,
      everyMs: 60_000,
      onDrift(drift) {
        shown.push(...drift);
        resolve(watch.close());
      },
      onError: (message) => void problems.push(message),
    });
  });
  expect(problems).toEqual([]);
  const [billedUsd] = await ask(
    `SELECT toFloat64(sum(amount_usd)) FROM tollgate.bill_lines WHERE day > '${dayText(daysAgo(35))}'`,
  );
  expect(shown).toContainEqual({ provider: 'openai', cause: 'price', ratio: 0 });
  expect(shown).toContainEqual({
    provider: 'openai',
    cause: 'outside',
    ratio: expect.closeTo(-5 / Number(billedUsd?.[0]), 9),
  });
  // Of the other account no bill was imported at all.
  expect(new Set((await reconciled('openai', 'openai-1')).map(([, , verdict]) => verdict))).toEqual(
    new Set(['missing_in_bill']),
  );
  const { code, out } = await run('compare', '--from', from, '--to', to, '--json');
  expect(code).toBe(1);
  const said: {
    ok: boolean;
    lines: { variance_usd: string; model: string; day: string; account: string }[];
  } = JSON.parse(out);
  expect(said.ok).toBe(false);
  const found = said.lines.find((line) => line.account === 'openai-0' && named(line) === dearer);
  expect(found?.variance_usd).toBe('-1');
  const plain = await run('compare', '--from', from, '--to', to);
  expect(plain.out).toMatch(/^ {2}ledger_under +\d{4}-\d\d-\d\d openai openai-0 gpt-\S+: ledger/m);
});

test('a day behind the last that was billed, and a day whose bill is not final, are provisional', async () => {
  const lines = billed('openai', 'openai-0').filter(({ day }) => day <= (days[2] ?? ''));
  await run(
    'import',
    '--format',
    'openai',
    file('short.json', openaiBill(lines)),
    '--account',
    'openai-0',
  );
  const verdicts = await reconciled();
  for (const [day, , verdict] of verdicts)
    expect(verdict).toBe(String(day) <= (days[2] ?? '') ? 'matched' : 'provisional');
  await client.command({
    query:
      "INSERT INTO tollgate.bill_reports (report, provider) VALUES (repeat('a', 64), 'openai')",
  });
  await client.command({
    query: `INSERT INTO tollgate.provider_bills (provider, day, account, model, is_final, report, amount_usd) VALUES ('openai', '${days[4] ?? ''}', 'openai-0', 'gpt-5', false, repeat('a', 64), 99)`,
  });
  const last = (await reconciled()).filter(([day]) => day === days[4]);
  expect(last.find(([, model]) => model === 'gpt-5')?.[2]).toBe('provisional');
});

test('an account whose bill names no model for some of it is compared as a whole', async () => {
  const csv = [
    'bill/InvoiceId,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/ProductCode,lineItem/UsageType,lineItem/UnblendedCost,lineItem/CurrencyCode',
    ...billed('mistral', 'mistral-0').map(
      ({ day, amount }) =>
        `i1,77,Usage,${day}T01:00:00Z,AmazonBedrock,"in, out",${usd(amount)},USD`,
    ),
    `i1,77,Tax,${from}T01:00:00Z,AmazonBedrock,tax,9,USD`,
    `i1,77,Usage,${from}T01:00:00Z,AmazonEC2,box,9,USD`,
  ].join('\r\n');
  const packed = file('cur.csv.gz', gzipSync(`\uFEFF${csv}\r\n`));
  const { code, out } = await run(
    'import',
    '--format',
    'aws-cur',
    '--provider',
    'mistral',
    '--account',
    'mistral-0',
    packed,
  );
  expect(code).toBe(0);
  expect(out).toContain('(2 about other things passed over)');
  const lines = await reconciled('mistral', 'mistral-0');
  expect(lines.length).toBeGreaterThan(2);
  expect(lines.map(([, model, verdict]) => [model, verdict])).toEqual(
    lines.map(() => ['*', 'matched']),
  );
});

const sum = () => ask('SELECT sum(amount_usd), count() FROM tollgate.bill_lines');

test('imported twice it is there once; a later report of the same days takes the place of the earlier, line by line', async () => {
  const bill = file('twice.json', openaiBill(billed('openai', 'openai-0')));
  const importing = ['import', '--format', 'openai', '--account', 'openai-0'] as const;
  await run(...importing, bill);
  const once = await sum();
  const again = await run(...importing, bill);
  expect(again.code).toBe(0);
  expect(again.out).toContain('is there already');
  expect(await sum()).toEqual(once);
  const one = billed('openai', 'openai-0').filter(
    ({ day, model }) => day === days[0] && model === 'gpt-5',
  );
  await run(
    ...importing,
    file('later.json', openaiBill(one.map((line) => ({ ...line, amount: 7_000_000_000_000n })))),
  );
  const rest = billed('openai', 'openai-0').filter(({ day }) => day !== days[0]);
  const expected = sumOf(rest, ({ amount }) => amount) + 7_000_000_000_000n;
  expect((await sum())[0]?.[0]).toBe(usd(expected).replace(/\.?0+$/, ''));
});

test('a final report stays when a provisional one is imported behind it', async () => {
  const row = (invoice: string, cost: string) =>
    `bill_invoice_id,line_item_usage_account_id,line_item_line_item_type,line_item_usage_start_date,line_item_product_code,line_item_unblended_cost,line_item_currency_code\n${invoice},1,Usage,${from},AmazonBedrock,${cost},USD\n`;
  await run('import', '--format', 'aws-cur', file('final.csv', row('i1', '3')));
  await run('import', '--format', 'aws-cur', file('early.csv', row('', '2')));
  expect(await sum()).toEqual([['3', 1]]);
});

test('one bad row and nothing is imported: each is named by file, line and column', async () => {
  const good = file(
    'good.csv',
    `BilledCost,BillingCurrency,BillingAccountId,ChargePeriodStart,ChargeCategory,ServiceCategory\n1,USD,a,${from},Usage,AI and Machine Learning\n`,
  );
  const bad = file(
    'bad.csv',
    `BilledCost,BillingCurrency,BillingAccountId,ChargePeriodStart,ChargeCategory,ServiceCategory\n1,USD,a,${from},Usage,AI and Machine Learning\n"1,5",USD,a,${from},Usage,AI and Machine Learning\n1,USD,a,never,Usage,AI and Machine Learning\n`,
  );
  const { code, out, err } = await run(
    'import',
    '--format',
    'focus',
    '--provider',
    'openai',
    good,
    bad,
  );
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toBe(
    'tollgate: bad.csv: line 3, BilledCost: is no decimal number\ntollgate: bad.csv: line 4, ChargePeriodStart: is no time of UTC\ntollgate: nothing was imported\n',
  );
  expect(await sum()).toEqual([['0', 0]]);
  expect(await ask('SELECT count() FROM tollgate.provider_bills')).toEqual([[0]]);
  const json = await run('import', '--format', 'focus', '--provider', 'openai', bad, '--json');
  expect(JSON.parse(json.out)).toMatchObject({
    ok: false,
    problems: [{ file: 'bad.csv' }, { file: 'bad.csv' }],
  });
});

test.each([
  ['focus', 'a,b\n1,2\n', 'it has no column BilledCost'],
  ['openai', '{"object":"page","data":[],"has_more":true}', 'more pages follow'],
  ['openai', '{', 'JSON'],
  ['anthropic', '[7]', 'is none of answers'],
  ['azure', gzipSync('x').subarray(0, 15), ''],
  ['openai', '{"object":"page","data":[]}', 'is about models'],
])('%s: a file that is none (%#) ends with 1 and says why', async (format, content, words) => {
  const { code, err } = await run(
    'import',
    '--format',
    format,
    '--provider',
    'p',
    file('none', content),
  );
  expect(code).toBe(1);
  expect(err).toContain(words);
  expect(err).toContain('nothing was imported');
});

test.each([
  [
    ['import', '--format', 'xlsx', 'x'],
    '--format is one of openai, anthropic, aws-cur, focus, azure',
  ],
  [['import', '--format', 'focus', 'x'], 'needs --provider'],
  [['import', '--format', 'openai'], 'FILE is missing'],
  [['compare', '--from', to, '--to', from], 'lies before'],
])('%j is called wrongly: exit code 2', async (args, words) => {
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toContain(words);
});

test('a dry run sums up and imports nothing', async () => {
  const bill = file('dry.json', openaiBill(billed('openai', 'openai-0')));
  const { code, out } = await run('import', '--format', 'openai', bill, '--dry-run', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ ok: true, result: 'dry', firstDay: from });
  expect(await ask('SELECT count() FROM tollgate.provider_bills')).toEqual([[0]]);
});

test('models are compared by the name that answered, and by the name that was sent where the bill names that', async () => {
  const row = (n: number, provider: string, sent: string, answered: string) => ({
    started_at: `${days[0] ?? from} 10:00:00.00${n}`,
    call_id: `019aabcd-0000-7000-8000-00000000000${n}`,
    replica: 'dated',
    seq: n,
    cost_usd: '1.5',
    'attempts.provider': [provider],
    'attempts.account': ['a'],
    'attempts.model': [sent],
    'attempts.model_answered': [answered],
    'attempts.cost_usd': ['1.5'],
    'attempts.cost_output_text': ['1.5'],
  });
  const rows = [
    row(1, 'dated', 'gpt-x', 'gpt-x-2026-01-01'),
    row(2, 'dated', 'gpt-x-2026-01-01', 'gpt-x-2026-01-01'),
    row(3, 'sent', 'claude-x', 'claude-x-20260101'),
  ];
  const [first = '', ...others] = Object.keys(rows[0] ?? {});
  await client.insert({
    table: 'tollgate.calls',
    columns: [first, ...others],
    values: rows,
    format: 'JSONEachRow',
  });
  for (const [provider, model, amount] of [
    ['dated', 'gpt-x-2026-01-01', 3_000_000_000_000n],
    ['sent', 'claude-x', 1_500_000_000_000n],
  ] as const) {
    const bill = file(`${provider}.json`, openaiBill([{ day: days[0] ?? '', model, amount }]));
    await run('import', '--format', 'openai', '--provider', provider, '--account', 'a', bill);
    expect(await reconciled(provider, 'a')).toEqual([[days[0], model, 'matched']]);
  }
});
