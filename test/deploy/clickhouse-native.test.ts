import { afterAll, beforeAll, expect, test } from 'vitest';
import { withRevision } from '../../deploy/local/src/clickhouse/native.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

let server: FakeClickhouse;
beforeAll(async () => {
  server = await startClickhouse();
});
afterAll(async () => {
  await server?.stop();
});

const native = async (sql: string, params: Record<string, string> = {}) => {
  const url = new URL(server.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const { user, password } = server.reader;
  const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password };
  const response = await fetch(url, { method: 'POST', headers, body: sql });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(bytes.toString('utf8'));
  return bytes;
};

// oxfmt-ignore
const columns = [
  'number', 'toString(number)', 'number % 2 = 1', 'toNullable(number)', 'if(number % 3 = 0, NULL, toString(number))', 'NULL', 'toFixedString(\'abc\', 5)',
  'toDecimal64(number, 12)', 'toDecimal128(number, 12)', 'toDecimal32(1, 2)', 'toDecimal256(1, 2)', 'toDateTime(number)', 'toDateTime64(number, 3, \'UTC\')', 'toDate(number)', 'toDate32(number)',
  'generateUUIDv4(number)', 'toIPv4(\'1.2.3.4\')', 'toIPv6(\'::1\')', 'toInt128(number)', 'toUInt256(number)', 'CAST(number % 2 AS Enum8(\'a\' = 0, \'b, )\' = 1))', 'toFloat32(number)',
  'range(number % 4)', 'CAST([] AS Array(String))', 'arrayMap(i -> arrayMap(j -> toString(j), range(i)), range(number % 5))', '(number, \'x\')', 'tuple()', 'CAST((1, \'x\') AS Tuple(`a b` UInt8, c String))',
  'toLowCardinality(toString(number % 7))', 'CAST(if(number % 2 = 0, NULL, \'x\') AS LowCardinality(Nullable(String)))', 'CAST(toString(number) AS LowCardinality(String))', 'CAST([\'a\', \'b\'] AS Array(LowCardinality(String)))',
  'CAST([] AS Array(LowCardinality(String)))', 'map(\'a\', number)', 'CAST(map(\'k\', toString(number)) AS Map(LowCardinality(String), String))', 'CAST(map(\'k\', \'v\') AS Map(LowCardinality(String), LowCardinality(String)))',
  'CAST(map() AS Map(LowCardinality(String), String))', 'CAST([(1, \'x\')] AS Nested(a UInt8, b LowCardinality(String)))', 'toIntervalDay(number)', 'CAST(1 AS SimpleAggregateFunction(sum, UInt64))', '(1., 2.)::Point', '[[(1., 2.)]]::Polygon',
];

test.each(columns)('a column %s is walked over exactly', async (column) => {
  for (const from of [
    'FROM numbers(1)',
    'FROM numbers(300)',
    'FROM numbers(70000) WHERE number < 65600',
  ]) {
    const plain = await native(`SELECT ${column} AS c ${from} FORMAT Native`);
    // Two copies of the column: the walk must end the first one exactly for the second one's name to be found.
    const twice = await native(`SELECT ${column} AS c, ${column} AS d ${from} FORMAT Native`);
    expect(withRevision(plain, 0).equals(plain)).toBe(true);
    const blocks = (withRevision(plain, 1).length - plain.length) / 8;
    expect(Number.isInteger(blocks) && blocks >= 1).toBe(true);
    expect(withRevision(plain, 54_454).length - plain.length).toBe(blocks * 9);
    expect(withRevision(twice, 54_454).length - twice.length).toBe(blocks * 10);
  }
});

test('a block begins with its info, and each column has its byte after the type', async () => {
  const bytes = await native("SELECT toUInt8(7) AS a, 'x' AS b", {
    default_format: 'Native',
    client_protocol_version: '54460',
  });
  const text = (s: string) => [s.length, ...Buffer.from(s)];
  const blockInfo = [1, 0, 2, 255, 255, 255, 255, 0];
  expect([...bytes]).toEqual([
    ...blockInfo,
    2,
    1,
    ...text('a'),
    ...text('UInt8'),
    0,
    7,
    ...text('b'),
    ...text('String'),
    0,
    1,
    120,
  ]);
});

test('without a revision, and in another format, nothing changes', async () => {
  const plain = await native('SELECT 1 AS a FORMAT Native');
  expect(plain[0]).toBe(1);
  expect((await native('SELECT 1', { client_protocol_version: '54460' })).toString()).toBe('1\n');
});

test('the whole ledger and all traces can be read by such a client', async () => {
  for (const table of ['calls', 'otel_traces']) {
    const from = `FROM tollgate.${table}`;
    const names = (
      await native(
        `SELECT name FROM system.columns WHERE database = 'tollgate' AND table = '${table}' FORMAT TSV`,
      )
    )
      .toString()
      .trim()
      .split('\n');
    await native(`SELECT ${names.map((name) => `\`${name}\``).join(', ')} ${from}`, {
      default_format: 'Native',
      client_protocol_version: '54460',
    });
    expect(names.length).toBeGreaterThan(10);
  }
});

test('a type that cannot be walked over is named', async () => {
  const asked = native('SELECT sumState(1) AS s', {
    default_format: 'Native',
    client_protocol_version: '54460',
  });
  await expect(asked).rejects.toThrow('AggregateFunction(sum, UInt8)');
});
