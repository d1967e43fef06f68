/**
 * What a statement is, is asked of the engine's own parser and lexer, never decided on a reading of ours: ours took typographic
 * quotes for names, which the engine takes for quotes. The parser writes the statement anew (no comments, one spelling for every
 * quote and keyword), the lexer cuts that text into tokens, and what runs is made of these tokens, never of the client's bytes.
 * `formatQuerySingleLine`, `tokenizeQuery`, `highlightQuery`: https://clickhouse.com/docs/sql-reference/functions/other-functions
 */
import type { Connection, Engine } from './engine.ts';
import { refusal } from './errors.ts';

/** A token as the engine's lexer calls and cuts it; `Whitespace` too, so that the texts together are the statement. */
export interface Token {
  readonly kind: string;
  readonly text: string;
}

/** The most memory and text that reading one statement may take inside the engine. */
const parsing = 'SET max_query_size = 4000000, max_memory_usage = 1000000000';

/** A row of `tokenizeQuery`: bytes of the statement, and what they are. */
const isCut = (
  value: unknown,
): value is { readonly begin: unknown; readonly end: unknown; readonly type: string } =>
  typeof value === 'object' &&
  value !== null &&
  'begin' in value &&
  'end' in value &&
  'type' in value &&
  typeof value.type === 'string';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const ask = async (connection: Connection, sql: string): Promise<readonly unknown[]> => {
  const { bytes } = await connection.read(sql, 'JSONCompactEachRow');
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw refusal(
      'INCORRECT_DATA',
      'SQL must be UTF-8; give other bytes as unhex() or a parameter',
    );
  }
  const row: unknown = JSON.parse(text);
  return Array.isArray(row) ? row : [];
};

/** The statement as a value: hexadecimal, which no quoting rule can misread. */
const valueOf = (sql: Uint8Array) => `unhex('${Buffer.from(sql).toString('hex')}')`;

/** The tokens of a text, or null when they leave out any of it. */
const cut = (text: string, cuts: unknown): readonly Token[] | null => {
  const bytes = Buffer.from(text);
  const tokens: Token[] = [];
  let at = 0;
  for (const one of Array.isArray(cuts) ? cuts : []) {
    if (!isCut(one) || Number(one.begin) !== at) return null;
    const end = Number(one.end);
    tokens.push({ kind: one.type, text: bytes.toString('utf8', at, end) });
    at = end;
  }
  return at === bytes.length ? tokens : null;
};

const canonical = async (connection: Connection, sql: Uint8Array): Promise<readonly Token[]> => {
  const [once, same, cuts] = await ask(
    connection,
    `SELECT formatQuerySingleLine(${valueOf(sql)}) AS once, toUInt8(formatQuerySingleLine(once) = once), tokenizeQuery(once)`,
  );
  const tokens = typeof once === 'string' && same === 1 ? cut(once, cuts) : null;
  if (tokens !== null) return tokens;
  throw refusal('SYNTAX_ERROR', 'The statement has no canonical form: it cannot be checked');
};

/** ClickHouse's rule: after the format's name, blanks and then at most one line break are skipped. */
const afterBlanks = (sql: Buffer, at: number): number => {
  let start = at;
  while (start < sql.length && ' \t\f'.includes(String.fromCharCode(sql[start] ?? 0))) start += 1;
  if (sql[start] === 13) start += 1;
  if (sql[start] === 10) start += 1;
  return start;
};

/**
 * Where the data of an insert begin: behind the last thing that the engine's parser took for SQL. Data may begin with a
 * semicolon; `highlightQuery` takes that for the end of a statement and goes on with the next one, so what it says behind the first
 * semicolon is about data. An insert has none before its data.
 */
const dataStart = async (connection: Connection, sql: Buffer): Promise<number> => {
  const [end] = await ask(
    connection,
    `WITH ${valueOf(sql)} AS sql, arrayFirst(one -> one.type = 'Semicolon', tokenizeQuery(sql)) AS stop
    SELECT arrayMax(arrayMap(one -> if(stop.type != 'Semicolon' OR one.2 <= stop.begin, one.2, 0), highlightQuery(sql)))`,
  );
  return afterBlanks(sql, typeof end === 'number' ? end : Number(end));
};

/** Most requests carry short statements; the rest of the text is data, which the parser need not be shown. */
const probeBytes = 16 * 1024;

export interface Asked {
  /** SQL of the address with its line break, empty when there is none. */
  readonly prefix: Buffer;
  /** The first bytes of the body: more SQL, or an insert's data. */
  readonly head: Buffer;
  /** False: the body goes on behind `head`. */
  readonly complete: boolean;
}

export interface Normal {
  readonly tokens: readonly Token[];
  /** Where an insert's data begin in prefix and body together, in bytes; null for what takes none. */
  readonly dataStart: number | null;
}

/** Reads one statement. @throws Refusal for what is no statement, or too long. */
export type Normaliser = (asked: Asked) => Promise<Normal>;

/** Inserts remembered by the SQL of their address; the gateway and the trace-router have a handful. */
const maxKnown = 256;

/**
 * Reads statements with the engine. Inserts whose SQL stands in the address are remembered by that text.
 * @param takesData whether a statement's data follow its text.
 * @param maxBytes of SQL without data.
 */
export const startNormaliser = (
  engine: Engine,
  takesData: (tokens: readonly Token[]) => boolean,
  maxBytes: number,
): Normaliser => {
  const known = new Map<string, Normal>();

  const remember = (prefix: Buffer, normal: Normal) => {
    // Only where the parser read to the end of the address and no further: then no body can change what it read.
    if (normal.dataStart !== prefix.length || prefix.length > probeBytes) return;
    const [oldest] = known.keys();
    if (known.size >= maxKnown && oldest !== undefined) known.delete(oldest);
    known.set(prefix.toString('latin1'), normal);
  };

  /** The statement at the beginning of `part`, when what follows it can only be data. */
  const insertIn = async (connection: Connection, part: Buffer): Promise<Normal | null> => {
    const tokens = await canonical(connection, part).catch(() => []);
    return takesData(tokens) ? { tokens, dataStart: await dataStart(connection, part) } : null;
  };

  const read = async (connection: Connection, { prefix, head, complete }: Asked) => {
    const text = Buffer.concat([prefix, head]);
    if (!complete || text.length > probeBytes) {
      const part = text.subarray(0, Math.max(probeBytes, prefix.length));
      const insert = await insertIn(connection, part);
      if (insert !== null) return insert;
    }
    if (!complete || text.length > maxBytes) {
      throw refusal(
        'SYNTAX_ERROR',
        `Max query size exceeded: ${maxBytes} bytes (TOLLGATE_CLICKHOUSE_MAX_QUERY_BYTES)`,
      );
    }
    const tokens = await canonical(connection, text);
    if (!takesData(tokens)) return { tokens, dataStart: null };
    return { tokens, dataStart: await dataStart(connection, text) };
  };

  return async (asked) => {
    const remembered = known.get(asked.prefix.toString('latin1'));
    if (remembered !== undefined) return remembered;
    const connection = await engine.open();
    try {
      await connection.set(parsing);
      const normal = await read(connection, asked);
      remember(asked.prefix, normal);
      return normal;
    } finally {
      connection.close();
    }
  };
};
