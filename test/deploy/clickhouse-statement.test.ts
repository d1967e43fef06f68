import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { openEngine } from '../../deploy/local/src/clickhouse/engine.ts';
import { fromEngine, httpStatus, render } from '../../deploy/local/src/clickhouse/errors.ts';
import { startNormaliser } from '../../deploy/local/src/clickhouse/normalise.ts';
import { takesData, understand } from '../../deploy/local/src/clickhouse/statement.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'tollgate-statement-'));
const engine = openEngine(directory, { memoryBytes: 4 * 1024 ** 3, temporaryBytes: 1024 ** 3 });
afterAll(() => {
  engine.close();
  rmSync(directory, { recursive: true, force: true });
});
const maxBytes = 1024 ** 2;
const normalise = startNormaliser(engine, takesData, maxBytes);
const read = async (sql: string, prefix = '') =>
  normalise({
    prefix: Buffer.from(prefix, 'latin1'),
    head: Buffer.from(sql, 'latin1'),
    complete: true,
  });
const runs = { numRuns: 25 };

// Pieces between the words of a statement: white space and comments that hold the very words we look for.
const gap = fc
  .array(
    fc.constantFrom(' ', '\n', '\t', '/* FORMAT x; VALUES */', '-- ; INSERT\n', '# FORMAT CSV\n'),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => ` ${parts.join('')}`);
const value = fc.constantFrom(
  "'a;b'",
  "'it''s FORMAT x'",
  "'\\' ; '",
  '`;`',
  '"FORMAT"',
  '$$;$$',
  'f(a, (b))',
  '1.5',
);
const bytesText = fc
  .uint8Array({ maxLength: 50 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Data that begin like SQL are where a reading goes wrong. */
const data = fc.oneof(
  bytesText,
  fc
    .tuple(fc.constantFrom(';A', '; SELECT 1', ';;', '\t;x', '-- x\n;y', "';z", '/*;'), bytesText)
    .map((parts) => parts.join('')),
);

test('the data of an insert begin right behind the format, whatever stands before and in them', async () => {
  const insert = fc.record({
    gaps: fc.tuple(gap, gap, gap, gap),
    table: fc.constantFrom(
      't',
      'db.t',
      '`FORMAT`',
      '`values`',
      'db.`select`',
      "FUNCTION null('a Int8')",
    ),
    columns: fc.constantFrom('', ' (a, `b.c`)', '(`FORMAT x`)', ' (* EXCEPT (a))'),
    settings: fc.constantFrom('', " SETTINGS max_threads = 1, workload = 'FORMAT y'"),
    bytes: data,
  });
  await fc.assert(
    fc.asyncProperty(insert, async ({ gaps: [a, b, c, d], table, columns, settings, bytes }) => {
      const head = `${a}INSERT${b}INTO ${table}${columns}`;
      const sql = `${head}${settings}${c}FORMAT${d}RowBinary\n${bytes}`;
      const { tokens, dataStart } = await read(sql);
      const statement = understand(tokens);
      if (statement.kind !== 'insert-data') throw new Error(statement.kind);
      expect(statement.format).toBe('RowBinary');
      expect(sql.slice(dataStart ?? 0)).toBe(bytes);
      expect(statement.head.startsWith('INSERT INTO')).toBe(true);
      expect(statement.settings.includes('max_threads')).toBe(settings !== '');
    }),
    runs,
  );
});

test('the format at the end of a query is found, and only there', async () => {
  const query = fc.record({
    values: fc.array(value, { minLength: 1, maxLength: 4 }),
    gaps: fc.tuple(gap, gap, gap),
    format: fc.option(fc.constantFrom('JSON', 'CSV', 'Values')),
    end: fc.constantFrom('', ';', ' ; -- done', '\n'),
  });
  await fc.assert(
    fc.asyncProperty(query, async ({ values, gaps: [a, b, c], format, end }) => {
      const body = `${a}SELECT ${values.join(', ')} FROM (SELECT format FROM t AS FORMAT_x)`;
      const sql = `${body}${format === null ? '' : `${b}FORMAT${c}${format}`}${end}`;
      const { tokens, dataStart } = await read(sql);
      const statement = understand(tokens);
      expect(dataStart).toBeNull();
      if (statement.kind !== 'select') throw new Error(statement.kind);
      expect(statement.format).toBe(format);
      expect(statement.body.endsWith('FROM (SELECT format FROM t AS FORMAT_x)')).toBe(true);
      expect(statement.tail).toBe('');
    }),
    runs,
  );
});

test('a second statement is refused, a semicolon inside something is not one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 4 }),
      gap,
      async (values, between) => {
        const one = `SELECT ${values.join(', ')}`;
        await expect(read(`${one};${between}`)).resolves.toBeDefined();
        await expect(read(`${one};${between}SELECT 1`)).rejects.toThrow('Multi-statements');
      },
    ),
    runs,
  );
});

test('an insert that is known by its address is read once; a query never is remembered without its body', async () => {
  const sql = 'INSERT INTO t FORMAT CSV\n';
  const first = await read('1\n', sql);
  expect(first.dataStart).toBe(sql.length);
  expect(await read('SETTINGS, "; FORMAT TSV', sql)).toBe(first);
  await read('', 'SELECT 1\n');
  const { tokens } = await read('+ 2', 'SELECT 1\n');
  expect(tokens.map(({ text }) => text).join('')).toBe('SELECT 1 + 2');
});

test('an insert with much data is read by its beginning; the beginning of a query is no query', async () => {
  const rows = '1,"x"\n'.repeat(20_000);
  const { tokens, dataStart } = await read(`INSERT INTO t VALUES ${rows}`);
  expect(understand(tokens)).toMatchObject({ kind: 'insert-data', format: 'Values' });
  expect(dataStart).toBe('INSERT INTO t VALUES '.length);
  const long = await read(`SELECT '${'x'.repeat(16 * 1024 - 20)}' AS a, file('b')`);
  expect(long.tokens.at(-2)?.text).toBe("'b'");
});

test("an engine's error keeps its code and name, and loses the layers it went through", () => {
  const layered =
    'Query failed: Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 26.7.2.1). (UNKNOWN_FORMAT)';
  const refused = fromEngine(new Error(layered));
  expect(render(refused, '26.7.2.1')).toBe(
    'Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 26.7.2.1)\n',
  );
  expect(render(fromEngine(new Error('boom')), '1')).toBe(
    'Code: 1002. DB::Exception: boom (UNKNOWN_EXCEPTION) (version 1)\n',
  );
  expect([62, 60, 516, 194, 159, 241].map(httpStatus)).toEqual([400, 404, 403, 401, 408, 500]);
});
