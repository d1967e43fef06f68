/** What a user of the embedded ClickHouse cannot reach, however it is spelled: files, other hosts, limits, other users' rights. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

const canary = 'canary-6f1e';
const directory = mkdtempSync(path.join(os.tmpdir(), 'tollgate-canary-'));
const [secret, written] = [path.join(directory, 'secret.txt'), path.join(directory, 'written')];
let server: FakeClickhouse;
beforeAll(async () => {
  writeFileSync(secret, `${canary}\n`);
  server = await startClickhouse();
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  readonly code: number;
  readonly text: string;
}
type Params = Readonly<Record<string, string>>;
const send = async (
  user: string,
  password: string,
  sql: string,
  params: Params,
): Promise<Answer> => {
  const url = new URL(server.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password };
  const response = await fetch(url, { method: 'POST', headers, body: sql });
  const code = Number(response.headers.get('x-clickhouse-exception-code') ?? 0);
  return { code, text: await response.text() };
};
const reading = async (sql: string, params: Params = {}) =>
  send(server.reader.user, server.reader.password, sql, params);
const writing = async (sql: string, params: Params = {}) =>
  send(server.user, server.password, sql, params);

// oxfmt-ignore
const reads = [
  `SELECT “file”('${secret}')`, `SELECT “file”(‘${secret}’)`, `SELECT \`file\`('${secret}')`, `SELECT "file"('${secret}')`, `SELECT FILE/**/('${secret}')`,
  `SELECT file -- x\n ($$${secret}$$)`, `SELECT * APPLY file FROM (SELECT '${secret}')`, `SELECT * APPLY(x -> file(x)) FROM (SELECT '${secret}')`,
  `SELECT arrayMap(x -> file(x), ['${secret}'])`, `WITH (x -> file(x)) AS f SELECT f('${secret}')`, `SELECT 1 WHERE file('${secret}') != ''`,
  `SELECT number FROM numbers(1) ORDER BY file('${secret}')`, `SELECT (SELECT file('${secret}'))`, `EXPLAIN SELECT file('${secret}')`,
  `SELECT * FROM “file”('${secret}', LineAsString)`, `SELECT * FROM \`${secret}\``, `SELECT * FROM “${secret}”`, `SELECT * FROM default."${secret}"`,
  `SELECT 1 IN (SELECT * FROM file('${secret}', LineAsString))`, `DESCRIBE TABLE file('${secret}')`, `SELECT * FROM view(SELECT file('${secret}'))`,
  `SELECT * FROM {t:Identifier}`, `SELECT * FROM fileCluster('x', '${secret}', LineAsString)`, `SELECT catboostEvaluate('${secret}', 1)`,
  `SELECT formatRow('Template', 1)`, `SELECT 1 FORMAT Template`, `SELECT 1 SETTINGS format_template_row = '${secret}' FORMAT Template`,
  `SELECT 1 FORMAT Template SETTINGS format_template_row = '${secret}'`, `SELECT * FROM merge('system', '.*')`, `SELECT * FROM executable('x.sh', CSV, 'a Int8')`,
  `SELECT * FROM url('file://${secret}', LineAsString)`, `SELECT * FROM s3('file://${secret}', LineAsString)`, `SELECT * FROM sqlite('${secret}', 'x')`,
  `SELECT eval('file(''${secret}'')')`, `SELECT * FROM eval('SELECT 1')`, 'SELECT * FROM system.processes', 'SELECT * FROM `system`.processes', 'SHOW PROCESSLIST',
  'SELECT * FROM system.stack_trace', "SELECT getServerSetting('path')", "SELECT dictGet('x', 'y', 1)", "SELECT joinGet('x', 'y', 1)", 'SELECT @@version',
  'SELECT {t:`Identifier`}', 'SHOW GRANTS', 'SHOW CREATE USER default', 'SHOW SETTING max_threads', 'EXPLAIN CURRENT TRANSACTION',
];

/** The statements that were answered, or whose answer tells the secret, which none may. */
const answered = async (
  ask: (sql: string, params: Params) => Promise<Answer>,
  statements: readonly string[],
): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const sql of statements) {
    const { code, text } = await ask(sql, { param_t: secret });
    if (code === 0 || text.includes(canary) || existsSync(written)) found.push(sql);
    rmSync(written, { force: true });
  }
  return found;
};

test('a reader reads no file, process or setting, in any spelling', async () => {
  expect(await answered(reading, reads)).toEqual([]);
});

// oxfmt-ignore
const writes = [
  `SELECT ‘evil’ WHERE ‘'’ != ‘’ INTO OUTFILE ‘${written}’ FORMAT TSVRaw; SELECT 1 -- '`, `SELECT 1 INTO OUTFILE '${written}'`, `SELECT 1 INTO/**/OUTFILE ‘${written}’`,
  `SELECT 1 INTO OUTFILE '${written}' AND STDOUT`, `SELECT '‘' INTO OUTFILE '${written}' -- ’`, `EXPLAIN SELECT 1 INTO OUTFILE '${written}'`,
  `DESCRIBE TABLE (SELECT 1) INTO OUTFILE '${written}'`, `SHOW TABLES INTO OUTFILE '${written}'`, `SELECT 1; SELECT 1 INTO OUTFILE '${written}'`,
  `SELECT 1 PARALLEL WITH SELECT 1 INTO OUTFILE '${written}'`, `INSERT INTO FUNCTION file('${written}', TSV, 'a Int8') SELECT 1`,
  `INSERT INTO FUNCTION “file”('${written}', TSV, 'a Int8') VALUES (1)`, `SELECT 1 SETTINGS output_format_schema = '${written}' FORMAT Protobuf`,
];

test('nobody writes a file, in any spelling', async () => {
  expect(await answered(reading, writes)).toEqual([]);
  expect(await answered(writing, writes)).toEqual([]);
});

test('a writer reads no file either: its role has no right to, and file() is refused by name', async () => {
  const sources = [
    `SELECT file('${secret}')`,
    `SELECT “file”('${secret}')`,
    `SELECT * FROM file('${secret}', LineAsString)`,
    `SELECT * FROM \`${secret}\``,
    `INSERT INTO tollgate.migrations (name) SELECT line FROM file('${secret}', LineAsString)`,
    `INSERT INTO tollgate.migrations (name) FROM INFILE ‘${secret}’ FORMAT LineAsString`,
    `CREATE TABLE tollgate.x (a String) ENGINE = File(LineAsString, '${secret}')`,
    'SET ROLE loading',
    // Data for input() lie in a file, so this one insert runs in a role that may read files.
    ...[
      `default.\`${secret}\``,
      `“${secret}”`,
      '{t:Identifier}',
      `view(SELECT * FROM \`${secret}\`)`,
      `icebergLocal('${directory}')`,
    ].map(
      (table) =>
        `INSERT INTO tollgate.migrations (name) SELECT c1 FROM input('a String') AS i, ${table} AS f FORMAT CSV\nx\n`,
    ),
  ];
  expect(await answered(writing, sources)).toEqual([]);
  const transformed =
    "INSERT INTO tollgate.migrations (name) SELECT upper(a) FROM input('a String') WHERE a IN ('x') FORMAT CSV\nx\n";
  expect((await writing(transformed)).code).toBe(0);
  expect((await writing('SELECT name FROM tollgate.migrations FORMAT TSV')).text).not.toContain(
    canary,
  );
});

// The engine asks for the right to read a file only when it opens it for the first time: seeds 12617, 15451, 16645 and 17592 of
// the fuzz read one that had been opened before. So its answer is not waited for.
test('a path is no name of a table for anybody, so that no file is read that the engine has open already', async () => {
  const sources = [
    `\`${secret}\``,
    `"${secret}"`,
    `“${secret}”`,
    `default.\`${secret}\``,
    `default.{t:Identifier}`,
    `\`../${path.basename(secret)}\``,
  ];
  for (const ask of [reading, writing]) {
    for (const source of sources) {
      const { code, text } = await ask(`SELECT * FROM ${source}`, { param_t: secret });
      expect([source, code === 0, text]).toEqual([
        source,
        false,
        expect.stringContaining('is not allowed as a name'),
      ]);
    }
  }
});

test('a statement that would cost the parser much is refused before the parser sees it', async () => {
  const nested = (depth: number) =>
    `SELECT ${'('.repeat(depth)}1${' BETWEEN 1 AND 2)'.repeat(depth)}`;
  expect((await reading(nested(8))).code).toBe(0);
  expect((await reading(nested(30))).code).toBe(290);
  expect((await reading(`SELECT '${'x'.repeat(70_000)}'`)).code).toBe(62);
});

test('a reader cannot raise a limit, and time is limited when nothing is said', async () => {
  const code = async (params: Params) => (await reading('SELECT 1', params)).code;
  for (const name of [
    'max_memory_usage',
    'max_result_bytes',
    'max_execution_time',
    'max_rows_to_read',
  ]) {
    expect([name, await code({ [name]: '0' })]).toEqual([name, 452]);
    expect([name, await code({ [name]: '-1' })]).toEqual([name, 452]);
    expect([name, await code({ [name]: '1e18' })]).toEqual([name, 452]);
    expect([name, await code({ [name]: "1', readonly = '0" })]).toEqual([name, 452]);
  }
  expect(await code({ max_memory_usage: '99999999999' })).toBe(452);
  // A client's deadline may be longer than ours; ours holds.
  const time = await reading("SELECT getSetting('max_execution_time')", {
    max_execution_time: '65',
  });
  expect(time).toEqual({ code: 0, text: '60\n' });
  const others = [
    'dialect',
    'allow_introspection_functions',
    'additional_result_filter',
    'format_schema',
    'implicit_table_at_top_level',
    'max_untracked_memory',
  ];
  for (const name of others) expect([name, await code({ [name]: '1' })]).toEqual([name, 164]);
  expect(await code({ max_execution_time: '5', max_memory_usage: '1000000', readonly: '2' })).toBe(
    0,
  );
  expect(await code({ database: 'system' })).toBe(497);
  const format = await reading('SELECT 1', { default_format: "TSV INTO OUTFILE '/tmp/x'" });
  expect(format.code).toBe(73);
});

test('a setting that changes how SQL is read, or names a file, is refused whoever brings it, in the address or the SQL', async () => {
  for (const name of [
    'dialect',
    'format_schema',
    'additional_table_filters',
    'input_format_record_errors_file_path',
  ]) {
    expect([name, (await writing('SELECT 1', { [name]: 'x' })).code]).toEqual([name, 164]);
    expect([name, (await writing(`SELECT 1 SETTINGS ${name} = 'x'`)).code]).toEqual([name, 164]);
  }
});

// oxfmt-ignore
const allowed = [
  // What the official clients of Python, Go and Java ask when they connect.
  'SELECT version(), timezone()', 'SELECT name, value, readonly FROM system.settings LIMIT 10000', 'SELECT displayName(), version(), revision(), timezone()',
  "SELECT currentUser() AS user, toInt8(ifNull((SELECT value FROM system.settings WHERE name = 'readonly'), '0')) AS readonly",
  'SELECT count() FROM tollgate.calls', 'SELECT toStartOfMinute(started_at) AS t, sum(cost_usd), quantile(0.5)(duration_ms), uniqIf(caller_team, outcome = \'answered\') FROM tollgate.calls GROUP BY t ORDER BY t',
  'SHOW TABLES FROM tollgate', 'SHOW CREATE TABLE tollgate.calls', 'DESCRIBE tollgate.calls', 'EXISTS tollgate.calls', 'EXPLAIN SELECT 1', 'WITH 1 AS x SELECT x',
  'SELECT name FROM system.tables', 'SELECT table_name FROM information_schema.tables', 'SELECT 1 FORMAT JSON',
  'SELECT a, b FROM (SELECT 1 AS a) AS l LEFT JOIN (SELECT 1 AS a, 2 AS b) AS r USING (a) WHERE a IN (1, 2) AND (b = 2 OR NOT (a = 1)) ORDER BY a WITH FILL LIMIT 1 BY a',
  "SELECT * EXCEPT (b) APPLY sum FROM (SELECT 1 AS a, 2 AS b)", "SELECT arrayMap(x -> (x, toString(x)), [1]), CASE WHEN 1 THEN 'a' ELSE 'b' END, {p:Array(String)}, 'file(' AS `file(x)`",
];
test('what dashboards and clients ask is answered', async () => {
  for (const sql of allowed) {
    const { code, text } = await reading(sql, { param_p: "['x']" });
    expect([sql, code, code === 0 ? '' : text]).toEqual([sql, 0, '']);
  }
});
