import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorCodes, faultOf } from '../../../deploy/clickhouse/src/error-codes.ts';
import { generatedFiles } from '../../../deploy/clickhouse/src/generate-docs.ts';
import { startClickhouse, type FakeClickhouse } from '../../fakes/clickhouse.ts';

let engine: FakeClickhouse;
beforeAll(async () => {
  engine = await startClickhouse({ migrated: false });
});
afterAll(() => engine.stop());

const send = (query: string, body: string) =>
  fetch(`${engine.url}/?${new URLSearchParams({ query }).toString()}`, {
    method: 'POST',
    body,
    headers: { 'x-clickhouse-user': engine.user, 'x-clickhouse-key': engine.password },
  });

test('each code has the name that ClickHouse gives it, and stands once', async () => {
  const codes = errorCodes.map(({ code }) => code);
  const query = `SELECT errorCodeToName(arrayJoin([${codes.join(',')}])) FORMAT TSV`;
  const names = (await (await send(query, '')).text()).trim().split('\n');
  expect(errorCodes.map(({ name }) => name)).toEqual(names);
  expect(new Set(codes).size).toBe(codes.length);
});

/** A row with one value that its column does not take, in the words of a format; the column's type. */
// oxfmt-ignore
const badRows: readonly (readonly [name: string, type: string, row: string])[] = [
  ['CANNOT_PARSE_ESCAPE_SEQUENCE', 'String', String.raw`{"a":"\ud800"}`],
  ['CANNOT_PARSE_QUOTED_STRING', 'FixedString(2)', '{"a":12}'],
  ['CANNOT_PARSE_INPUT_ASSERTION_FAILED', 'UInt8', '{"a":[]}'],
  ['CANNOT_PARSE_DATE', 'Date', '{"a":"x"}'],
  ['CANNOT_PARSE_DATETIME', 'DateTime', '{"a":"x"}'],
  ['ARGUMENT_OUT_OF_BOUND', 'Decimal(4, 2)', '{"a":12345678}'],
  ['CANNOT_PARSE_NUMBER', 'UInt8', '{"a":-1}'],
  ['INCORRECT_DATA', 'String', '{"a":}'],
  ['CANNOT_READ_ARRAY_FROM_TEXT', 'Array(UInt8)', '{"a":1}'],
  ['TOO_LARGE_STRING_SIZE', 'FixedString(2)', '{"a":"abc"}'],
  ['SIZES_OF_ARRAYS_DONT_MATCH', 'Nested(b UInt8, c UInt8)', '{"a.b":[1],"a.c":[1,2]}'],
  ['CANNOT_PARSE_UUID', 'UUID', '{"a":"x"}'],
  ['DECIMAL_OVERFLOW', 'DateTime64(9)', '{"a":"2999-01-01 00:00:00"}'],
  ['CANNOT_PARSE_BOOL', 'Bool', '{"a":"x"}'],
  ['VIOLATED_CONSTRAINT', 'UInt8, CONSTRAINT small CHECK a < 2', '{"a":2}'],
  ['CANNOT_PARSE_IPV4', 'IPv4', '{"a":"x"}'],
  ['CANNOT_PARSE_IPV6', 'IPv6', '{"a":"x"}'],
  ['UNKNOWN_ELEMENT_OF_ENUM', "Enum8('b' = 1)", '{"a":"x"}'],
];

test.each(badRows)('a row that is answered with %s is at fault (%s)', async (name, type, row) => {
  await send(`CREATE TABLE default.bad (a ${type}) ENGINE = MergeTree ORDER BY tuple()`, '');
  const answer = await send('INSERT INTO default.bad FORMAT JSONEachRow', `${row}\n`);
  const code = Number(answer.headers.get('x-clickhouse-exception-code'));
  const text = await answer.text();
  await send('DROP TABLE default.bad SYNC', '');
  expect(errorCodes.find((one) => one.code === code)?.name ?? text).toBe(name);
  expect(faultOf(code, text)).toBe('rows');
});

test('too many partitions are the fault of the rows together, too many parts that of the moment', async () => {
  await send(
    'CREATE TABLE default.days (a UInt32) ENGINE = MergeTree PARTITION BY a ORDER BY a',
    '',
  );
  const rows = Array.from({ length: 101 }, (_, a) => JSON.stringify({ a })).join('\n');
  const answer = await send('INSERT INTO default.days FORMAT JSONEachRow', rows);
  expect(answer.headers.get('x-clickhouse-exception-code')).toBe('252');
  expect(faultOf(252, await answer.text())).toBe('rows');
  const merges =
    'Too many parts (3000 with average size of 1.00 KiB). Merges are processing significantly slower than inserts';
  expect(faultOf(252, merges)).toBe('moment');
});

test('an error that the table does not have buries no row', () => {
  expect(faultOf(123_456, 'of tomorrow')).toBe('moment');
});

test('every code is in the documentation, under whose fault it is', () => {
  const page = generatedFiles()['docs/clickhouse-errors.md'] ?? '';
  const chapters = page.split('\n## ').slice(1);
  const faults = ['rows', 'moment', 'setup'] as const;
  expect(chapters).toHaveLength(faults.length);
  for (const [i, fault] of faults.entries()) {
    const told = [...(chapters[i] ?? '').matchAll(/^\| (\d+) \| `(\w+)` /gm)];
    const there = errorCodes.filter((one) => one.fault === fault);
    expect(new Map(told.map(([, code, name]) => [Number(code), name]))).toEqual(
      new Map(there.map(({ code, name }) => [code, name])),
    );
  }
});
