/** `tollgate ledger close` and `check-close` on the real engine: a month is signed once, nothing of it changes unseen, and later corrections go to the next one. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { closeMonth, type CloseRequest } from '../../gateway/src/edge/ledger/closes/close.ts';
import { checkClose, checkLedger } from '../../gateway/src/edge/ledger/closes/check.ts';
import { recordClose, storedCloses } from '../../gateway/src/edge/ledger/closes/months.ts';
import { repriceLedger } from '../../gateway/src/edge/ledger/corrections/reprice.ts';
import { verifyLedger } from '../../gateway/src/edge/ledger/verification.ts';
import { usdText } from '../../gateway/src/model/money.ts';
import { costOfAttempts } from '../../gateway/src/model/settlement.ts';
import { rowsOf } from '../fakes/ask.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { callBy, insertCalls, tableOf } from '../gateway/edge/ledger/priced-calls.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-close-'));
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519').publicKey;
let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse();
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
  rmSync(directory, { recursive: true });
});

/** Two months ago, so that it is over at any hour; and the one after. */
const now = new Date();
const first = (monthsAgo: number): number =>
  Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo, 1);
const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);
const [month, next, earlier] = [monthOf(first(2)), monthOf(first(1)), monthOf(first(3))];
const minuteMs = 60_000;
/** The last of them 26 minutes before the month's end, 26 after it. */
const beforeEnd = 26;
const count = 52;
const prices = tableOf('v1');
const calls = Array.from({ length: count }, (_, n) =>
  callBy(n, prices, first(1) - beforeEnd * minuteMs),
);
const ofMonth = calls.slice(0, beforeEnd);
/** Other calls of the month. */
const late = Array.from({ length: 3 }, (_, n) =>
  callBy(n, prices, first(1) - beforeEnd * minuteMs + 1000),
);
const costOf = (some: typeof calls): string =>
  usdText(some.reduce((sum, { attempts }) => sum + costOfAttempts(attempts), 0n));

// oxfmt-ignore
const tables = ['calls', 'usage_1d', 'runs', 'tags_1d', 'correction_runs', 'correction_plans', 'month_closes'];
let life: string;
let folder: string;
const empty = async (): Promise<void> => {
  for (const table of tables) await client.command({ query: `TRUNCATE TABLE tollgate.${table}` });
};
beforeEach(async () => {
  await empty();
  life = `gateway-${Math.random()}.1`;
  folder = join(mkdtempSync(join(directory, 'm-')), month);
  await insertCalls(engine, calls, life);
});

const request = (more: Partial<CloseRequest> = {}): CloseRequest => ({
  client,
  month,
  key: privateKey,
  folder,
  accept: false,
  amend: false,
  describe: ({ kind }) => kind,
  onProgress() {},
  ...more,
});
const check = (keys: readonly KeyObject[] = [publicKey], before: string | null = null) =>
  checkClose({ folder, keys, before, onRow() {} });
const closed = async (more: Partial<CloseRequest> = {}) => {
  const closing = await closeMonth(request(more));
  if (closing.kind !== 'closed') throw new Error(closing.problem);
  return closing;
};
const states = async () => (await storedCloses(client)).map((one) => [one.month, one.state]);
const reprice = (onCalls = () => {}) =>
  repriceLedger({
    client,
    days: { from: `${month}-01`, to: `${next}-02` },
    prices: tableOf('v2', { mini: '0.2' }),
    reported: false,
    reason: 'rerate',
    isDry: false,
    onCalls,
    onBatch() {},
  });

test('a month is closed with every row of it and no other, exact to the last digit, and its files say so without the ledger', async () => {
  const { close, sha256 } = await closed();
  expect(close).toMatchObject({
    month,
    before: null,
    amends: null,
    calls: beforeEnd,
    corrections: 0,
    costUsd: costOf(ofMonth),
    priceVersions: [{ version: 'v1', rows: beforeEnd, costUsd: costOf(ofMonth) }],
    silent: [],
    accepted: [],
  });
  expect(close.hours).toHaveLength(1);
  const checked = await check();
  expect(checked).toMatchObject({ close, sha256, findings: [] });
  expect(await checkLedger(client, close, () => {})).toEqual([]);
  const rows = gunzipSync(readFileSync(join(folder, 'rows.jsonl.gz'))).toString();
  expect(rows.trim().split('\n')).toHaveLength(beforeEnd);
  expect(await states()).toEqual([[month, 'closed']]);
});

test('a life of a gateway that wrote nothing after the month is named: its spool may hold more', async () => {
  await empty();
  const left = await insertCalls(engine, ofMonth, life);
  expect((await closed()).close.silent).toEqual([life]);
  // A life that goes on where it ended has taken its spool over.
  await insertCalls(engine, calls.slice(beforeEnd), `${life}-later`, { before: left });
  const again = await closed({ amend: true, folder: `${folder}-2` });
  expect(again.close.silent).toEqual([]);
});

test('each file that is changed afterwards is found, whoever signs it anew', async () => {
  await closed();
  const original = `${folder}.original`;
  cpSync(folder, original, { recursive: true });
  const change = (name: string, by: (content: Buffer) => string | Buffer) => {
    cpSync(original, folder, { recursive: true });
    writeFileSync(join(folder, name), by(readFileSync(join(original, name))));
  };
  const kinds = async (keys?: readonly KeyObject[]) =>
    (await check(keys)).findings.map((one) => ('name' in one ? [one.kind, one.name] : one.kind));

  change('close.json', (text) => String(text).replace('"calls": 26', '"calls": 25'));
  expect(await kinds()).toEqual([['file', 'close.json']]);
  change('close.json', (text) => String(text).replace(/,\n"signature.*/, ''));
  expect(await kinds()).toEqual([['file', 'close.json']]);
  cpSync(original, folder, { recursive: true });
  expect(await kinds([stranger])).toEqual([['file', 'close.json']]);
  expect(await kinds([stranger, publicKey])).toEqual([]);
  change('rows.jsonl.gz', (packed) =>
    gzipSync(String(gunzipSync(packed)).replace('"priced"', '"free"')),
  );
  expect(await kinds()).toEqual([['file', 'rows.jsonl.gz']]);
  change('focus.csv', (text) => String(text).replace('USD', 'EUR'));
  expect(await kinds()).toEqual([['file', 'focus.csv']]);
  cpSync(original, folder, { recursive: true });
  rmSync(join(folder, 'focus.csv'));
  expect(await kinds()).toEqual([['file', 'focus.csv']]);
});

test('a row that is changed, goes or comes after the close is found in its hour, and by verify', async () => {
  const { close } = await closed();
  const found = async () =>
    (await checkLedger(client, close, () => {})).map((one) => [
      one.kind,
      'hour' in one ? one.found.rows - one.signed.rows : null,
    ]);
  const verified = async () =>
    (await verifyLedger({ client, from: null, onProgress() {} })).findings
      .map(({ kind }) => kind)
      .filter((kind) => kind === 'closed_month');
  const mutate = (query: string) =>
    client.command({ query, clickhouse_settings: { mutations_sync: '2' } });
  expect(await verified()).toEqual([]);
  await mutate('ALTER TABLE tollgate.calls UPDATE duration_ms = 1 WHERE seq = 3');
  expect(await found()).toEqual([['altered', 0]]);
  await mutate('ALTER TABLE tollgate.calls DELETE WHERE seq = 5');
  expect(await found()).toEqual([['gone', -1]]);
  expect(await verified()).toEqual(['closed_month']);
  await insertCalls(engine, late, `late-${life}`);
  expect(await found()).toEqual([['added', 2]]);
});

test('a correction of a closed month is booked in the next one, and FOCUS calls it one', async () => {
  await closed();
  await reprice();
  const booked = await rowsOf(
    client,
    `SELECT toString(billing_month), toString(toStartOfMonth(started_at)) AS of FROM tollgate.calls WHERE entry = 'correction' GROUP BY 1, 2 ORDER BY of`,
  );
  expect(booked).toEqual([
    [`${next}-01`, `${month}-01`],
    [`${next}-01`, `${next}-01`],
  ]);
  const classes = await rowsOf(
    client,
    `SELECT DISTINCT ChargeClass, toString(toStartOfMonth(ChargePeriodStart)) AS of FROM tollgate.focus WHERE x_CorrectionReason != '' ORDER BY of`,
  );
  expect(classes).toEqual([
    ['Correction', `${month}-01`],
    [null, `${next}-01`],
  ]);
  const { close } = await check();
  if (close === null) throw new Error('it was signed');
  expect(await checkLedger(client, close, () => {})).toEqual([]);
  // The next month has them, and says which month came before.
  const before = folder;
  folder = `${folder}-next`;
  const second = await closed({ month: next, folder });
  const corrected = await rowsOf(
    client,
    `SELECT count(), sum(cost_usd) FROM tollgate.calls WHERE billing_month = '${next}-01'`,
  );
  expect(corrected).toEqual([
    [second.close.calls + second.close.corrections, second.close.costUsd],
  ]);
  expect(second.close.corrections).toBeGreaterThan(20);
  expect(second.close.before?.month).toBe(month);
  expect((await check([publicKey], before)).findings).toEqual([]);
  expect((await check([publicKey], folder)).findings).toMatchObject([{ kind: 'before' }]);
});

test('corrections that are worked out while a month is closed are worked out again', async () => {
  const closing = { month, state: 'closing', rows: 0, costUsd: '0', discountUsd: '0', sha256: '' };
  const recorded: Promise<void>[] = [];
  const half = reprice(() => {
    if (recorded.length === 0)
      recorded.push(recordClose(client, { ...closing, state: 'closing' }, life));
  });
  await expect(half).rejects.toThrow('a month was closed meanwhile: run it again');
  await Promise.all(recorded);
  expect(await rowsOf(client, "SELECT count() FROM tollgate.calls WHERE entry != 'call'")).toEqual([
    [0],
  ]);
  expect((await reprice()).run?.rows).toBeGreaterThan(20);
});

test('what cannot be closed is refused, and nothing is changed', async () => {
  const refusal = async (more: Partial<CloseRequest>) => {
    const closing = await closeMonth(request(more));
    return closing.kind === 'refused' ? closing.problem : closing.kind;
  };
  expect(await refusal({ month: monthOf(now.getTime()) })).toContain('is not over');
  expect(await refusal({ amend: true })).toContain('no month is closed yet');
  await client.command({
    query: 'ALTER TABLE tollgate.calls DELETE WHERE seq = 40',
    clickhouse_settings: { mutations_sync: '2' },
  });
  const closing = await closeMonth(request());
  expect(closing).toMatchObject({ kind: 'refused', findings: ['missing', 'rollup'] });
  expect(await states()).toEqual([]);
  expect(existsSync(folder)).toBe(false);
  expect((await closed({ accept: true })).close.accepted).toEqual(['missing', 'rollup']);
  expect(await refusal({})).toContain('is closed already');
  expect(await refusal({ month: earlier })).toContain('and with it the months before');
  expect(await refusal({ amend: true, month: earlier })).toContain('only the last closed month');
});

test('a close that was cut off is done by the same again; one that fails leaves the month open', async () => {
  await recordClose(
    client,
    { month, state: 'closing', rows: 0, costUsd: '0', discountUsd: '0', sha256: '' },
    life,
  );
  const file = join(directory, 'no-folder');
  writeFileSync(file, '');
  await expect(closed({ folder: join(file, month) })).rejects.toThrow('EEXIST');
  expect(await states()).toEqual([]);
  await closed();
  expect(await states()).toEqual([[month, 'closed']]);
});

test('rows that come late are taken in by an amended close, which names the one it takes the place of', async () => {
  const { sha256, close } = await closed();
  await insertCalls(engine, late, `late-${life}`);
  const amended = await closed({ amend: true, folder: `${folder}-2` });
  expect(amended.close).toMatchObject({ amends: sha256, calls: close.calls + 3, before: null });
  expect((await storedCloses(client)).at(-1)).toMatchObject({ rows: close.calls + 3 });
  const { findings } = await verifyLedger({ client, from: null, onProgress() {} });
  expect(findings.filter(({ kind }) => kind === 'closed_month')).toEqual([]);
});
