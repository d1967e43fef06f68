/** `tollgate ledger export`: what is in the file is what the ledger has, and how it ends when it cannot be. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import {
  calls,
  costOfCall,
  dayOf,
  dayText,
  insertCalls,
  monthsAgo,
  sumOf,
  today,
  usdText,
} from './ledger.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-export-'));
const at = (name: string) => join(directory, name);
let engine: FakeClickhouse;

beforeAll(async () => {
  engine = await startClickhouse();
  await insertCalls(engine, calls, 'all');
});
afterAll(async () => {
  await engine?.stop();
  rmSync(directory, { recursive: true });
});

const [from, to] = [dayText(monthsAgo(0)), dayText(today)];
const usd = (pico: bigint): string => usdText(pico).replace(/\.?0+$/, '');
const asked = calls.filter((call) => dayOf(call) >= from && dayOf(call) <= to);
const total = usd(sumOf(asked, costOfCall));

const exported = (...args: readonly string[]) =>
  runTollgate(directory, ['ledger', 'export', ...args], {
    TOLLGATE_CLICKHOUSE_URL: engine.url,
    TOLLGATE_CLICKHOUSE_USER: engine.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: engine.reader.password,
  });

/** Reads a file into a table of the view's columns, and asks it. */
const readBack = async (name: string, format: string, query: string): Promise<string> => {
  const { url, user, password } = engine;
  const send = async (sql: string, body: Uint8Array | string) => {
    const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password };
    const reply = await fetch(`${url}/?query=${encodeURIComponent(sql)}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers,
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(text);
    return text.trim();
  };
  await send('DROP TABLE IF EXISTS tollgate.back', '');
  await send(
    'CREATE TABLE tollgate.back ENGINE = Memory AS SELECT * FROM tollgate.focus LIMIT 0',
    '',
  );
  await send(`INSERT INTO tollgate.back FORMAT ${format}`, readFileSync(at(name)));
  return send(query, '');
};

test.each([
  ['parquet', 'Parquet'],
  ['csv', 'CSVWithNames'],
])(
  'a %s file, read back, has every line, and comes to what the ledger has to the last digit',
  async (format, reader) => {
    const file = `month.${format}`;
    const { code, out, err } = await exported(
      '--focus',
      '--from',
      from,
      '--to',
      to,
      '--format',
      format,
      '--out',
      file,
    );
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain(`$${total}, which is what the ledger has for these days`);
    const [sum = '', lines = ''] = (
      await readBack(file, reader, 'SELECT sum(BilledCost), count() FROM tollgate.back')
    ).split('\t');
    expect(sum).toBe(total);
    expect(Number(lines)).toBeGreaterThan(asked.length);
    expect(err).toContain(`tollgate: ${lines} lines, `);
    const difference = `SELECT count() FROM (SELECT * FROM tollgate.focus WHERE ChargePeriodStart >= '${from}' AND ChargePeriodStart <= '${to}' EXCEPT ALL SELECT * FROM tollgate.back)`;
    expect(await readBack(file, reader, difference)).toBe('0');
  },
);

test('without --out the file is on standard output', async () => {
  const { code, out } = await exported('--focus', '--from', to, '--to', to, '--format', 'csv');
  expect(code).toBe(0);
  expect(out).toMatch(/^"BilledCost","BillingAccountId",/);
});

test('days without calls are a file without lines', async () => {
  const day = '2001-01-01';
  const { code, err } = await exported(
    '--focus',
    '--from',
    day,
    '--to',
    day,
    '--out',
    'empty.parquet',
  );
  expect(code).toBe(0);
  expect(err).toContain('0 lines');
});

test('what is called wrongly ends with 2, says why and writes nothing', async () => {
  const wrong = [
    ['--from', from, '--to', to],
    ['--focus', '--from', from],
    ['--focus', '--from', to, '--to', from],
    ['--focus', '--from', from, '--to', to, '--format', 'xlsx'],
    ['--focus', '--from', from, '--to', to, '--fromat', 'csv'],
  ];
  for (const args of wrong) {
    const { code, err } = await exported(...args, '--out', 'wrong');
    expect(code, err).toBe(2);
    expect(err).toContain('tollgate: ');
  }
  expect(readdirSync(directory)).not.toContain('wrong');
});

test('a file that cannot be had whole is not there, and what stood in its place still is', async () => {
  writeFileSync(at('kept.csv'), 'of last month');
  const args = ['--focus', '--from', from, '--to', to, '--format', 'csv', '--out', 'kept.csv'];
  const { code, err } = await runTollgate(directory, ['ledger', 'export', ...args], {
    TOLLGATE_CLICKHOUSE_URL: engine.url,
    TOLLGATE_CLICKHOUSE_USER: 'reader',
    TOLLGATE_CLICKHOUSE_PASSWORD: 'wrong',
  });
  expect(code).toBe(1);
  expect(err).toContain('Authentication failed');
  expect(readFileSync(at('kept.csv'), 'utf8')).toBe('of last month');
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('with nothing said about users it asks as the reader whose password the data directory holds', async () => {
  mkdirSync(at('data/keys'), { recursive: true });
  writeFileSync(at('data/keys/reader.key'), `${engine.reader.password}\n`);
  const args = ['--focus', '--from', to, '--to', to, '--format', 'csv'];
  const { code, err } = await runTollgate(directory, ['ledger', 'export', ...args], {
    TOLLGATE_CLICKHOUSE_URL: engine.url,
    TOLLGATE_DATA_DIR: at('data'),
  });
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining(' lines, ') });
});

test('--help says what it does, on standard output', async () => {
  const { code, out } = await exported('--help');
  expect(code).toBe(0);
  for (const word of ['--focus', '--from', '--to', '--format', '--out', 'FOCUS 1.2'])
    expect(out).toContain(word);
});

test('a file that the reader has no memory for ends with 1, and says what helps', async () => {
  const tight = await startClickhouse({
    dataDir: at('tight'),
    env: { TOLLGATE_CLICKHOUSE_MAX_QUERY_MEMORY_BYTES: '1000000' },
  });
  try {
    await insertCalls(tight, calls, 'all');
    const env = {
      TOLLGATE_CLICKHOUSE_URL: tight.url,
      TOLLGATE_CLICKHOUSE_USER: tight.reader.user,
      TOLLGATE_CLICKHOUSE_PASSWORD: tight.reader.password,
    };
    const args = [
      'ledger',
      'export',
      '--focus',
      '--from',
      from,
      '--to',
      to,
      '--out',
      'tight.parquet',
    ];
    const parquet = await runTollgate(directory, args, env);
    expect(parquet.code).toBe(1);
    expect(parquet.err).toContain('Ask for fewer days at once, or for csv');
    expect(readdirSync(directory)).not.toContain('tight.parquet');
  } finally {
    await tight.stop();
  }
});
