import http from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

let server: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  server = await startClickhouse({
    migrated: false,
    env: {
      TOLLGATE_CLICKHOUSE_MAX_WRITER_QUERIES: '12',
      TOLLGATE_CLICKHOUSE_MAX_SLOT_WAIT_MS: '50',
      TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES: '50000000',
    },
  });
  client = createClient({ url: server.url, username: server.user, password: server.password });
  await post(
    "CREATE TABLE t (a UInt32, b String DEFAULT concat('d', toString(a)), n Nullable(Int8), l Array(String)) ENGINE = MergeTree ORDER BY a",
  );
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

type Params = Readonly<Record<string, string>>;
interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
  readonly text: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** Over `node:http`, because `fetch` undoes encodings and adds headers of its own. */
const ask = async (
  params: Params,
  body: string | Uint8Array | Readable | null,
  headers: Params = {},
): Promise<Answer> => {
  const url = new URL(server.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const request = http.request(url, { method: body === null ? 'GET' : 'POST', headers });
  if (body instanceof Readable) body.pipe(request);
  else request.end(body ?? undefined);
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  return {
    status: response.statusCode ?? 0,
    bytes,
    text: bytes.toString('utf8'),
    headers: response.headers,
  };
};
const writer = () => ({ 'x-clickhouse-user': server.user, 'x-clickhouse-key': server.password });
const reader = () => ({
  'x-clickhouse-user': server.reader.user,
  'x-clickhouse-key': server.reader.password,
});
const post = async (
  sql: string | Uint8Array | Readable,
  params: Params = {},
  headers: Params = {},
): Promise<Answer> => ask(params, sql, { ...writer(), ...headers });
const value = async (sql: string) => (await post(sql)).text.trimEnd();

test('the official client queries, inserts, streams and pings', async () => {
  await client.command({
    query:
      'CREATE TABLE clients (id UInt64, name String, at DateTime64(3)) ENGINE = MergeTree ORDER BY id',
  });
  const at = '2026-11-22 10:00:00.123';
  await client.insert({
    table: 'clients',
    values: [{ id: 1, name: "it's", at }],
    format: 'JSONEachRow',
  });
  await client.insert({
    table: 'clients',
    columns: ['id', 'name'],
    values: Readable.from([
      [2, 'a\tb'],
      [3, 'ü{x}'],
    ]),
    format: 'JSONCompactEachRow',
  });
  const result = await client.query({
    query:
      'SELECT name FROM {table:Identifier} WHERE id IN {ids:Array(UInt64)} AND name != {other:String} ORDER BY id',
    query_params: { table: 'clients', ids: [1, 2, 3], other: "o'\\\t\n" },
    format: 'JSONEachRow',
  });
  expect(await result.json()).toEqual([{ name: "it's" }, { name: 'a\tb' }, { name: 'ü{x}' }]);
  const streamed = await client.query({
    query: 'SELECT number FROM numbers(100000)',
    format: 'JSONEachRow',
  });
  let count = 0;
  for await (const rows of streamed.stream()) count += rows.length;
  expect(count).toBe(100_000);
  expect(await client.ping()).toEqual({ success: true });
  expect(await client.ping({ select: true })).toEqual({ success: true });
  const summary = await client.insert({
    table: 'clients',
    values: [{ id: 9 }],
    format: 'JSONEachRow',
  });
  expect(summary.summary?.written_rows).toBe('1');
});

test('the official client sees errors as ClickHouse errors', async () => {
  const quiet = createClient({
    url: server.url,
    username: server.user,
    password: server.password,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const failed = quiet.query({ query: 'SELECT nope FROM system.one' });
  await expect(failed).rejects.toThrow(ClickHouseError);
  await expect(failed).rejects.toMatchObject({ code: '47', type: 'UNKNOWN_IDENTIFIER' });
  await quiet.close();
});

test('the official client compresses both ways', async () => {
  const compressing = createClient({
    url: server.url,
    username: server.user,
    password: server.password,
    compression: { request: true, response: true },
  });
  await compressing.insert({
    table: 'clients',
    values: [{ id: 77, name: 'z' }],
    format: 'JSONEachRow',
  });
  const result = await compressing.query({
    query: 'SELECT name FROM clients WHERE id = 77',
    format: 'JSONEachRow',
  });
  expect(await result.json()).toEqual([{ name: 'z' }]);
  await compressing.close();
});

test.each(['gzip', 'zstd', 'br', 'deflate'] as const)(
  '%s is spoken both ways',
  async (encoding) => {
    const tools = {
      gzip: [zlib.gzipSync, zlib.gunzipSync],
      zstd: [zlib.zstdCompressSync, zlib.zstdDecompressSync],
      br: [zlib.brotliCompressSync, zlib.brotliDecompressSync],
      deflate: [zlib.deflateSync, zlib.inflateSync],
    } as const;
    const [pack, unpack] = tools[encoding];
    const sql = "SELECT number, 'äöü' FROM numbers(5000)";
    const plain = await post(sql);
    const packed = await post(
      pack(Buffer.from(sql)),
      { enable_http_compression: '1' },
      { 'content-encoding': encoding, 'accept-encoding': `lz4, ${encoding}` },
    );
    expect(packed.headers['content-encoding']).toBe(encoding);
    expect(packed.bytes.length).toBeLessThan(plain.bytes.length);
    expect(unpack(packed.bytes).equals(plain.bytes)).toBe(true);
  },
);

test('a result is compressed only when the request asks for it in both places, as on a server', async () => {
  const answer = await post('SELECT 1', {}, { 'accept-encoding': 'gzip' });
  expect(answer.headers['content-encoding']).toBeUndefined();
});

test('a body that is not what its encoding says, and an encoding not spoken, are named', async () => {
  const broken = await post('SELECT 1', {}, { 'content-encoding': 'gzip' });
  expect(broken).toMatchObject({
    status: 400,
    text: expect.stringContaining("Content-Encoding 'gzip'"),
  });
  const unknown = await post('SELECT 1', {}, { 'content-encoding': 'lz4' });
  expect(unknown).toMatchObject({ status: 501, text: expect.stringContaining("'lz4'") });
});

// oxfmt-ignore
const formats = [
  'JSONEachRow', 'JSONCompactEachRow', 'JSONStringsEachRow', 'JSONCompactEachRowWithNamesAndTypes', 'JSON', 'JSONCompact', 'JSONColumns',
  'CSV', 'CSVWithNames', 'TSV', 'TabSeparated', 'TabSeparatedWithNamesAndTypes', 'CustomSeparated', 'Values', 'TSKV',
  'RowBinary', 'RowBinaryWithNamesAndTypes', 'Native', 'Parquet', 'Arrow', 'ArrowStream', 'ORC', 'Avro', 'MsgPack', 'BSONEachRow',
];
test.each(formats)('what a query returns as %s can be inserted again', async (format) => {
  await post(
    'CREATE OR REPLACE TABLE back (a UInt32, b String, l Array(String), d Decimal(18, 12)) ENGINE = MergeTree ORDER BY a',
  );
  const source = `SELECT toUInt32(number) AS a, concat('x;\\'"\\t\\n', toString(number)) AS b, [b, 'é'] AS l, toDecimal64('0.000000000001', 12) * number AS d FROM numbers(300)`;
  const rows = await post(`${source} FORMAT ${format}`);
  expect(rows.status).toBe(200);
  expect(rows.headers['x-clickhouse-format']).toBe(format);
  const inserted = await post(rows.bytes, { query: `INSERT INTO back FORMAT ${format}` });
  expect(inserted.text).toBe('');
  const same = await value(
    `SELECT count(), (SELECT groupArray((a, b, l, d)) FROM (SELECT * FROM back ORDER BY a)) = (SELECT groupArray((a, b, l, d)) FROM (${source})) FROM back`,
  );
  expect(same).toBe('300\t1');
});

test('query and data may be split between the address and the body in every way', async () => {
  await post('TRUNCATE TABLE t');
  await post('(1, DEFAULT, 2, [])', { query: 'INSERT INTO t VALUES' });
  await post('', { query: "INSERT INTO t (a, b) VALUES (2, 'url'), (3, 'url')" });
  await post('(5, 5)', { query: 'INSERT INTO t (a, n) VALUES (4, 4),' });
  await post('INSERT INTO t (a) FORMAT JSONEachRow\n{"a": 6}\n{"a": 7}');
  await post('INSERT INTO t (a, b) FORMAT CSV 8,"x"');
  await post('INSERT INTO t (a) SETTINGS max_threads = 1 FORMAT TSV\r\n9\n');
  await post('INTO t (a) VALUES (10)', { query: 'INSERT' });
  await post('-- why\nINSERT /* VALUES */ INTO TABLE `t` (`a`, "b")\nVALUES (11, \'FORMAT x; \')');
  expect(await value('SELECT groupArray((a, b, n)) FROM (SELECT * FROM t ORDER BY a)')).toBe(
    "[(1,'d1',2),(2,'url',NULL),(3,'url',NULL),(4,'d4',4),(5,'d5',5),(6,'d6',NULL),(7,'d7',NULL),(8,'x',NULL),(9,'d9',NULL),(10,'d10',NULL),(11,'FORMAT x; ',NULL)]",
  );
  // Two halves that only together are a query.
  expect((await post('+ 1', { query: 'SELECT 1' })).text).toBe('2\n');
});

test('an insert counts its rows in the summary, through materialized views too', async () => {
  await post('CREATE OR REPLACE TABLE base (a UInt32) ENGINE = MergeTree ORDER BY a');
  await post('CREATE OR REPLACE TABLE roll (s UInt64) ENGINE = MergeTree ORDER BY s');
  await post(
    'CREATE MATERIALIZED VIEW IF NOT EXISTS roll_mv TO roll AS SELECT sum(a) AS s FROM base',
  );
  const answer = await post('1\n2\n3\n', { query: 'INSERT INTO base FORMAT TSV' });
  const summary: unknown = JSON.parse(String(answer.headers['x-clickhouse-summary']));
  expect(summary).toMatchObject({ written_rows: '4' });
  const select = await post('INSERT INTO base SELECT number FROM numbers(10)');
  expect(JSON.parse(String(select.headers['x-clickhouse-summary']))).toMatchObject({
    written_rows: '11',
  });
});

test('data that begin with a semicolon are data, all of them', async () => {
  await post('CREATE OR REPLACE TABLE texts (a String) ENGINE = MergeTree ORDER BY a');
  await post(';A\n; SELECT 1\n', { query: 'INSERT INTO texts FORMAT TSV' });
  await post('INSERT INTO texts FORMAT TSV\n;B\nC\n');
  expect(await value('SELECT arraySort(groupArray(a)) FROM texts')).toBe(
    "['; SELECT 1',';A',';B','C']",
  );
});

test('an insert may transform its data with input()', async () => {
  await post('CREATE OR REPLACE TABLE shaped (a UInt32, b String) ENGINE = MergeTree ORDER BY a');
  const answer = await post('1,x\n2,y\n', {
    query: "INSERT INTO shaped SELECT a * 10, upper(b) FROM input('a UInt32, b String') FORMAT CSV",
  });
  expect(answer.text).toBe('');
  expect(await value('SELECT groupArray((a, b)) FROM shaped')).toBe("[(10,'X'),(20,'Y')]");
});

test('results carry the headers a server sends', async () => {
  const answer = await post('SELECT 1 AS one', {
    default_format: 'JSONCompact',
    query_id: 'my-query',
  });
  expect(answer.headers).toMatchObject({
    'x-clickhouse-query-id': 'my-query',
    'x-clickhouse-format': 'JSONCompact',
    'content-type': 'application/json; charset=UTF-8',
    'x-clickhouse-timezone': expect.any(String),
    'x-clickhouse-server-display-name': expect.any(String),
  });
  const summary: unknown = JSON.parse(String(answer.headers['x-clickhouse-summary']));
  expect(summary).toMatchObject({
    result_rows: '1',
    read_rows: '1',
    written_rows: '0',
    result_bytes: String(answer.bytes.length),
  });
});

test.each([
  ['SELECT 1 FORMAT JSONEachRow', '{"1":1}\n'],
  ['SELECT 1 AS format, 2 AS x FORMAT CSV SETTINGS max_threads = 1', '1,2\n'],
  ['SELECT 1 SETTINGS max_threads = 1', '1\n'],
  ['WITH 3 AS x SELECT x; -- done', '3\n'],
  ['(SELECT 1) UNION ALL (SELECT 1)', '1\n1\n'],
  ["SELECT ';', 'FORMAT JSON' # comment", ';\tFORMAT JSON\n'],
  ['SELECT $$a;b$$', 'a;b\n'],
  ['EXISTS TABLE nope', '0\n'],
  ['DESCRIBE TABLE (SELECT 1 AS a) FORMAT TSVRaw', 'a\tUInt8\t\t\t\t\t\n'],
  ["SHOW TABLES LIKE 't' FORMAT JSONEachRow", '{"name":"t"}\n'],
  ['EXPLAIN SYNTAX SELECT 1', 'SELECT 1\nFROM system.one\n'],
  ['SELECT 1 WHERE 0', ''],
])('%s', async (sql, expected) => {
  expect((await post(sql)).text).toBe(expected);
});

test.each([
  ['SELEC 1', 400, 62],
  ['SELECT 1; SELECT 2', 400, 62],
  ['', 400, 62],
  ['SELECT nope', 404, 47],
  ['SELECT * FROM nope', 404, 60],
  ['SELECT * FROM nope.nope', 404, 81],
  ['SELECT nope(1)', 404, 46],
  ['SELECT 1 FORMAT Nope', 404, 73],
  ["SELECT toDate('x')", 400, 38],
  ['SELECT throwIf(number = 70000) FROM numbers(100000)', 500, 395],
  ["SELECT 1 INTO OUTFILE 'x'", 500, 358],
  ["INSERT INTO t FROM INFILE 'x' FORMAT CSV", 404, 78],
  ['INSERT INTO t (a) VALUES (nope)', 404, 47],
  ['INSERT INTO t (nope) VALUES (1)', 500, 16],
  ['INSERT INTO nope VALUES (1)', 404, 60],
  ['INSERT INTO t (a) FORMAT TSV\nx\n', 400, 27],
  ['SELECT {x:UInt8}', 500, 456],
] as const)('%s: HTTP %i, code %i', async (sql, status, code) => {
  const answer = await post(sql);
  expect(answer.headers['x-clickhouse-exception-code']).toBe(String(code));
  expect(answer.status).toBe(status);
  const line = new RegExp(
    String.raw`^Code: ${code}\. DB::Exception: [^]* \([A-Z_]+\) \(version [\d.]+\)\n$`,
  );
  expect(answer.text).toMatch(line);
  // Nothing of how it is done here shows.
  expect(answer.text).not.toContain('scratch');
});

test('settings, database and parameters hold for one request only', async () => {
  await post('CREATE DATABASE IF NOT EXISTS other');
  const sql = "SELECT currentDatabase(), getSetting('max_threads'), {p:String}";
  const first = await post(sql, { database: 'other', max_threads: '3', param_p: 'a\\tb' });
  expect(first.text).toBe('other\t3\ta\\tb\n');
  expect((await post('SELECT currentDatabase()')).text).toBe('default\n');
  expect((await post('SELECT {p:String}')).status).toBe(500);
  expect(await post('SELECT 1', { nonsense: '1' })).toMatchObject({
    status: 404,
    text: expect.stringContaining('UNKNOWN_SETTING'),
  });
  expect(await post('SELECT 1', { max_threads: 'x' })).toMatchObject({ status: 400 });
  expect((await post('SELECT 1', { database: 'nope' })).status).toBe(404);
  const injected = await post('SELECT {p:String}', { param_p: "', max_threads = '1" });
  expect(injected.text).toBe("\\', max_threads = \\'1\n");
});

test('many queries run at the same time, each with its own parameters', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) =>
      post('SELECT {i:UInt8} + sleep(0.2), {i:UInt8}', { param_i: String(i) }),
    ),
  );
  expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => `${i}\t${i}\n`));
});

/** A query that runs until its client hangs up. */
const endless = (params: Params = {}): http.ClientRequest => {
  const url = new URL(server.url);
  // One row a block, so that it notices that it is cancelled.
  for (const [name, value] of Object.entries({ max_block_size: '1', ...params }))
    url.searchParams.set(name, value);
  const request = http.request(url, { method: 'POST', headers: writer() });
  request.on('error', () => {});
  request.end('SELECT sum(sleepEachRow(0.5)) FROM numbers(1000)');
  return request;
};

test('a query beyond the limit is refused with code 202, and the place is free again afterwards', async () => {
  const running = Array.from({ length: 12 }, () => endless());
  const answered = async () => (await post('SELECT 1')).headers;
  let headers = await answered();
  while (headers['x-clickhouse-exception-code'] !== '202') {
    // The short query may have had the place of one of them, which was then refused.
    running.push(endless());
    headers = await answered();
  }
  expect(headers['retry-after']).toBe('1');
  for (const request of running) request.destroy();
  while ((await answered())['x-clickhouse-exception-code'] !== undefined) await sleep(5);
});

test('a client that hangs up cancels its query', async () => {
  const request = endless({ log_comment: 'hung-up' });
  const running =
    "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE '% hung-up'";
  while ((await value(running)) !== '1') await sleep(20);
  request.destroy();
  while ((await value(running)) !== '0') await sleep(20);
});

test('a body beyond its limit and a query beyond its limit are refused', async () => {
  const much = await post(
    zlib.gzipSync(Buffer.alloc(60_000_000, 'x\n')),
    { query: 'INSERT INTO t (b) FORMAT TSV' },
    { 'content-encoding': 'gzip' },
  );
  expect(much).toMatchObject({
    status: 500,
    text: expect.stringContaining('TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES'),
  });
  const long = await post(`SELECT '${'x'.repeat(300_000)}'`);
  expect(long).toMatchObject({
    status: 400,
    text: expect.stringContaining('Max query size exceeded'),
  });
  const result = await post('SELECT number FROM numbers(1000000)', { max_result_bytes: '1000' });
  expect(result.headers['x-clickhouse-exception-code']).toBe('396');
});

test('a session keeps its temporary tables, belongs to its user, and serves one request at a time', async () => {
  const session = { session_id: 's1' };
  await post('CREATE TEMPORARY TABLE mine (a UInt8)', session);
  await post('INSERT INTO mine VALUES (42)', session);
  expect((await post('SELECT a FROM mine', session)).text).toBe('42\n');
  expect((await post('SELECT a FROM mine')).status).toBe(404);
  expect((await ask(session, 'SELECT a FROM mine', reader())).status).toBe(404);
  const slow = endless({ ...session, log_comment: 'in-session' });
  const running =
    "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE '% in-session'";
  while ((await value(running)) !== '1') await sleep(5);
  const busy = await post('SELECT 1', session);
  expect(busy.headers['x-clickhouse-exception-code']).toBe('373');
  slow.destroy();
  const unknown = await post('SELECT 1', { session_id: 's2', session_check: '1' });
  expect(unknown.headers['x-clickhouse-exception-code']).toBe('372');
});

test('what is not spoken here is said plainly', async () => {
  for (const params of [{ compress: '1' }, { decompress: '1' }, { role: 'x' }]) {
    expect((await post('SELECT 1', params)).status).toBe(501);
  }
  expect((await fetch(`${server.url}/play`)).status).toBe(404);
  expect((await fetch(server.url, { method: 'DELETE' })).status).toBe(405);
});

test('a probe needs no user', async () => {
  for (const path of ['/ping', '/', '/replicas_status']) {
    const answer = await fetch(server.url + path);
    expect([answer.status, await answer.text()]).toEqual([200, 'Ok.\n']);
  }
});
