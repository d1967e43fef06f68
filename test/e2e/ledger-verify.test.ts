/** `tollgate ledger verify` and `dump`: what a real gateway wrote is found good, and whatever is done to it afterwards is found. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callColumns, type CallColumn } from '../../gateway/src/contract/ledger.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';

const width = 8;
const rounds = 12;

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let writer: ClickHouseClient;
let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  writer = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  openai = await startOpenai();
  gateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin, 'ledger: { segmentCloses: 8 }'),
    clickhouse,
  });
  for (let round = 0; round < rounds; round += 1)
    await Promise.all(Array.from({ length: width }, (_, n) => ask(round * width + n)));
  await reader.rowsReach(rounds * width);
});
afterAll(async () => {
  await gateway.stop();
  await reader.close();
  await writer.close();
  await Promise.all([openai.close(), clickhouse.stop()]);
});

const ask = async (n: number): Promise<void> => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      'x-tollgate-user': `u/"${n}"`,
      baggage: `feature=${encodeURIComponent('é/\u2028"')}`,
      'x-tollgate-tags': `2=b,1=a/"x",n=${n}`,
    },
    body: JSON.stringify({
      model: n % 10 === 3 ? 'no-such-model' : 'gpt-4o-mini',
      messages: [{ role: 'user', content: `Hello ${n}` }],
    }),
  });
  await reply.text();
};

interface Verdict {
  readonly ok: boolean;
  readonly rows: number;
  readonly unlinked: number;
  readonly findings: readonly {
    readonly kind: string;
    readonly from?: number;
    readonly to?: number;
  }[];
}

/** What a command that takes its time says meanwhile is no complaint. */
const complaints = (err: string): string => err.replaceAll(/^verified \d+ of \d+ rows\n/gm, '');

const verify = async (): Promise<Verdict> => {
  const { code, out, err } = await runTollgate(gateway.dataDir, ['ledger', 'verify', '--json'], {
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
    TOLLGATE_CLICKHOUSE_USER: clickhouse.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.reader.password,
  });
  expect(complaints(err)).toBe('');
  const verdict: Verdict = JSON.parse(out);
  expect(code).toBe(verdict.ok ? 0 : 1);
  return verdict;
};

/** What a mutation does is there when it has been answered. */
const tamper = (query: string): Promise<unknown> =>
  writer.command({ query, clickhouse_settings: { mutations_sync: '2' } });

const columnList = callColumns.map((column) => `\`${column}\``).join(', ');

/** Does something to the table, looks, and puts it back as it was. */
const found = async (...statements: readonly string[]): Promise<Verdict['findings']> => {
  await tamper(`CREATE TABLE tollgate.kept AS tollgate.calls`);
  await tamper(
    `INSERT INTO tollgate.kept (${columnList}) SELECT ${columnList} FROM tollgate.calls`,
  );
  for (const statement of statements) await tamper(statement);
  const { findings } = await verify();
  await tamper('EXCHANGE TABLES tollgate.kept AND tollgate.calls');
  await tamper('DROP TABLE tollgate.kept SYNC');
  return findings;
};

test('what was written is found good, after its end users and traces have expired too', async () => {
  const all = rounds * width;
  const good = await verify();
  expect(good).toMatchObject({ ok: true, rows: all, findings: [] });
  expect(good.unlinked).toBeLessThanOrEqual(width);
  const expiring: readonly CallColumn[] = ['caller_user', 'session_id', 'trace_id', 'span_id'];
  const expired = expiring.map((column) => `${column} = ''`).join(', ');
  expect(
    await found(`ALTER TABLE tollgate.calls UPDATE ${expired}, upstream_ids = [] WHERE 1`),
  ).toEqual([]);
});

test('a deleted row, a deleted segment, a changed cost, a changed price and a row put in twice are found, and where', async () => {
  const segment = [9, 16] as const;
  expect(await found('ALTER TABLE tollgate.calls DELETE WHERE seq = 20')).toMatchObject([
    { kind: 'missing', from: 20, to: 20 },
  ]);
  expect(
    await found(`ALTER TABLE tollgate.calls DELETE WHERE seq BETWEEN ${segment.join(' AND ')}`),
  ).toMatchObject([{ kind: 'missing', from: 9, to: 16 }]);
  const dearer = await found(
    'ALTER TABLE tollgate.calls UPDATE cost_usd = cost_usd + toDecimal64(0.000000000001, 12) WHERE seq = 11',
  );
  expect(dearer).toMatchObject([{ kind: 'altered', from: 9, to: 16 }, { kind: 'wrong_sum' }]);
  // Where all sums still hold only the chain tells.
  expect(
    await found("ALTER TABLE tollgate.calls UPDATE price_version = 'another' WHERE seq = 30"),
  ).toMatchObject([{ kind: 'altered' }]);
  const again = await found(
    `INSERT INTO tollgate.calls (${columnList}) SELECT * REPLACE (caller_team || '-again' AS caller_team)
     FROM (SELECT ${columnList} FROM tollgate.kept WHERE seq BETWEEN 9 AND 16)`,
  );
  expect(again).toMatchObject([{ kind: 'double', from: 9, to: 16 }]);
  expect((await verify()).ok).toBe(true);
});

test('a part of the table without one of its sums is found, and which', async () => {
  const findings = await found('ALTER TABLE tollgate.calls CLEAR PROJECTION by_hour');
  expect(findings.length).toBeGreaterThan(0);
  for (const one of findings)
    expect(one).toMatchObject({ kind: 'projection', projection: 'by_hour' });
});

test('a reader of the command sees one line for each finding, and what was looked at', async () => {
  const env = {
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
    TOLLGATE_CLICKHOUSE_USER: clickhouse.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.reader.password,
  };
  const good = await runTollgate(gateway.dataDir, ['ledger', 'verify'], env);
  expect([good.code, complaints(good.err)]).toEqual([0, '']);
  expect(good.out).toMatch(
    /^ok: 96 rows of 1 lives of gateways; \d+ vouched for by a later row, \d+ not yet\n$/,
  );
  const later = await runTollgate(
    gateway.dataDir,
    ['ledger', 'verify', '--from', '2099-01-01'],
    env,
  );
  expect(later.out).toBe(
    'ok: 0 rows of 0 lives of gateways; 0 vouched for by a later row, 0 not yet\n',
  );
  const nowhere = await runTollgate(gateway.dataDir, ['ledger', 'verify'], {
    ...env,
    TOLLGATE_CLICKHOUSE_URL: 'http://127.0.0.1:9',
  });
  expect(nowhere.code).toBe(1);
  expect(nowhere.err).toContain('cannot read the ledger at http://127.0.0.1:9');
  const odd = await runTollgate(gateway.dataDir, ['ledger', 'verify', '--from', 'monday'], env);
  expect(odd.code).toBe(2);
});

test('a spool can be read while a gateway writes there, a row by the names of its columns', async () => {
  await ask(1);
  const dumped = await runTollgate(gateway.dataDir, ['ledger', 'dump', gateway.dataDir]);
  expect(dumped).toMatchObject({ code: 0, err: '' });
  const entries: { kind: string; content: Record<string, unknown> }[] = dumped.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(new Set(entries.map(({ kind }) => kind))).toEqual(
    new Set(['head', 'mark', 'intent', 'sent', 'row']),
  );
  const row = entries.findLast(({ kind }) => kind === 'row');
  expect(row?.content).toMatchObject({ caller_team: 'shop', model: 'gpt-4o-mini' });
  expect(dumped.out).not.toContain('sk-openai-secret');
});
