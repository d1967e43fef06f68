import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromEngine, httpStatus, render } from '../../deploy/local/src/clickhouse/errors.ts';
import { understand } from '../../deploy/local/src/clickhouse/statement.ts';
import { tokens } from '../../deploy/local/src/clickhouse/tokens.ts';

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
const data = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('the data of an insert begin right behind the format, whatever stands before and in them', () => {
  const insert = fc.record({
    gaps: fc.tuple(gap, gap, gap, gap),
    table: fc.constantFrom(
      't',
      'db.t',
      '`FORMAT`',
      'values',
      'db.`select`',
      "FUNCTION null('a Int8')",
    ),
    columns: fc.constantFrom('', ' (a, `b.c`)', '(`FORMAT x`)', ' (* EXCEPT (a))'),
    settings: fc.constantFrom('', " SETTINGS max_threads = 1, x = 'FORMAT y'"),
    bytes: data,
  });
  fc.assert(
    fc.property(insert, ({ gaps: [a, b, c, d], table, columns, settings, bytes }) => {
      const head = `${a}INSERT${b}INTO ${table}${columns}`;
      const sql = `${head}${settings}${c}FORMAT${d}RowBinary\n${bytes}`;
      const { statement, forbidden } = understand(sql);
      expect(forbidden).not.toBeNull();
      if (statement.kind !== 'insert-data') throw new Error(statement.kind);
      expect(statement.format).toBe('RowBinary');
      expect(sql.slice(statement.dataStart)).toBe(bytes);
      expect(sql.slice(0, statement.headEnd).trimEnd().startsWith(head)).toBe(true);
      expect(sql.slice(...statement.settings).includes('max_threads')).toBe(settings !== '');
    }),
  );
});

test('the format at the end of a query is found, and only there', () => {
  const query = fc.record({
    values: fc.array(value, { minLength: 1, maxLength: 4 }),
    gaps: fc.tuple(gap, gap, gap),
    format: fc.option(fc.constantFrom('JSON', 'CSV')),
    end: fc.constantFrom('', ';', ' ; -- done', '\n'),
  });
  fc.assert(
    fc.property(query, ({ values, gaps: [a, b, c], format, end }) => {
      const body = `${a}SELECT ${values.join(', ')} FROM (SELECT format FROM t FORMAT_x)`;
      const sql = `${body}${format === null ? '' : `${b}FORMAT${c}${format}`}${end}`;
      const { statement, forbidden } = understand(sql);
      expect(forbidden).toBeNull();
      if (statement.kind !== 'select') throw new Error(statement.kind);
      expect(statement.format).toBe(format);
      expect(sql.slice(0, statement.bodyEnd).startsWith(body)).toBe(true);
      expect(sql.slice(statement.tailStart, statement.end)).not.toContain('FORMAT');
    }),
  );
});

test('a second statement is refused, a semicolon inside something is not one', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), gap, (values, between) => {
      const one = `SELECT ${values.join(', ')}`;
      expect(() => understand(`${one};${between}`)).not.toThrow();
      expect(() => understand(`${one};${between}SELECT 1`)).toThrow('Multi-statements');
    }),
  );
});

test('tokens never overlap, never throw and skip nothing but blanks and comments', () => {
  fc.assert(
    fc.property(fc.oneof(data, fc.string()), (text) => {
      let end = 0;
      for (const token of tokens(text)) {
        expect(token.start).toBeGreaterThanOrEqual(end);
        expect(token.end).toBeGreaterThan(token.start);
        const skipped = text.slice(end, token.start);
        expect(skipped.trim() === '' || /--|#|\/\*|[\s\u00a0]/.test(skipped)).toBe(true);
        end = token.end;
      }
    }),
  );
});

test('what a reader may not do is said before the engine is asked', () => {
  const forbidden = (sql: string) => understand(sql).forbidden;
  expect(forbidden("SELECT FILE ('/etc/passwd')")).toBe('FILE() is not allowed in readonly mode.');
  expect(forbidden("EXPLAIN SELECT * FROM s3('x')")).toBe('s3() is not allowed in readonly mode.');
  expect(forbidden('SELECT file FROM t')).toBeNull();
  expect(forbidden('SYSTEM SHUTDOWN')).toBe('Cannot execute SYSTEM in readonly mode.');
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
