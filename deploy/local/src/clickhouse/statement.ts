import { refusal } from './errors.ts';
import { tokens } from './tokens.ts';
import type { Token } from './tokens.ts';

/** What a statement is and where its parts lie, as byte offsets into its text. */
export type Statement =
  /** Something that answers with rows: `body [FORMAT format tail]`. Without a format, `bodyEnd`, `tailStart` and `end` are one. */
  | {
      readonly kind: 'select' | 'show';
      readonly bodyEnd: number;
      readonly format: string | null;
      readonly tailStart: number;
      readonly end: number;
    }
  /** `INSERT ... FORMAT x` or `VALUES`, whose data begin at `dataStart` and go on in the request's body. */
  | {
      readonly kind: 'insert-data';
      /** End of `INSERT INTO t (columns)`. */
      readonly headEnd: number;
      /** The `SETTINGS ...` clause, empty when there is none. */
      readonly settings: readonly [start: number, end: number];
      readonly format: string;
      readonly dataStart: number;
    }
  /** `INSERT ... SELECT ... FROM input('structure') ... FORMAT x` and data. `input`: where `input(` is, up to its bracket's inside. */
  | {
      readonly kind: 'insert-input';
      readonly bodyEnd: number;
      readonly input: readonly [start: number, inside: number];
      readonly format: string;
      readonly dataStart: number;
    }
  | { readonly kind: 'insert-select'; readonly end: number }
  | { readonly kind: 'other'; readonly end: number; readonly verb: string };

export interface Understood {
  readonly statement: Statement;
  /** Why the readonly role may not run it, or null. The engine's own `readonly=1` comes on top. */
  readonly forbidden: string | null;
}

const selects = new Set(['SELECT', 'WITH', 'FROM', '(', 'VALUES']);
const shows = new Set(['SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS']);

/** Functions that read files, processes or other hosts. The engine refuses most of them in readonly mode; `file()` in an expression it does not. */
// oxfmt-ignore
const reaching = new Set([
  'file', 'filecluster', 'filesystem', 'input', 'url', 'urlcluster', 's3', 's3cluster', 'gcs', 'hdfs', 'hdfscluster', 'azureblobstorage',
  'azureblobstoragecluster', 'remote', 'remotesecure', 'cluster', 'clusterallreplicas', 'executable', 'mysql', 'postgresql', 'mongodb', 'redis', 'sqlite',
  'odbc', 'jdbc', 'python', 'iceberg', 'deltalake', 'hudi', 'paimon', 'arrowflight', 'ytsaurus', 'catboostevaluate', 'showcertificate',
]);

const is = (token: Token | undefined, text: string) =>
  token?.kind === 'word' && token.text.toUpperCase() === text;

/** ClickHouse's rule: after the format's name, blanks and then at most one line break are skipped. */
const dataAfter = (sql: string, at: number): number => {
  let start = at;
  while (' \t\f'.includes(sql.charAt(start)) && start < sql.length) start += 1;
  if (sql.charAt(start) === '\r') start += 1;
  if (sql.charAt(start) === '\n') start += 1;
  return start;
};

/** `INSERT INTO t (a) [SETTINGS ..] FORMAT x|VALUES data`, or null for an insert from a SELECT. Reads no further than the data. */
const insertData = (sql: string, seen: Token[], more: Iterator<Token>): Statement | null => {
  let settingsStart = -1;
  // The first words are INSERT [INTO] [TABLE|FUNCTION] name: none of them is a clause, whatever the table is called.
  let names = 0;
  for (let step = more.next(); step.done !== true; step = more.next()) {
    const token = step.value;
    const previous = seen.at(-1);
    seen.push(token);
    if (token.depth > 0) continue;
    const word = token.kind === 'word' ? token.text.toUpperCase() : '';
    if (names === 0 && ['INTO', 'TABLE', 'FUNCTION'].includes(word)) continue;
    if (names === 0 || (previous?.kind === 'mark' && previous.text === '.')) {
      names += 1;
      continue;
    }
    if (word === 'SELECT' || word === 'WITH') return null;
    if (word === 'FROM') {
      throw refusal('UNKNOWN_TYPE_OF_QUERY', 'INSERT FROM INFILE: send the data in the body');
    }
    if (word === 'SETTINGS') settingsStart = token.start;
    if (word !== 'FORMAT' && word !== 'VALUES') continue;
    const headEnd = settingsStart === -1 ? token.start : settingsStart;
    const settings = [headEnd, token.start] as const;
    if (word === 'VALUES') {
      return { kind: 'insert-data', headEnd, settings, format: 'Values', dataStart: token.end };
    }
    const format = more.next();
    if (format.done === true) return null;
    const dataStart = dataAfter(sql, format.value.end);
    return { kind: 'insert-data', headEnd, settings, format: format.value.text, dataStart };
  }
  return null;
};

/** The end of a statement: of its last token, or where its `;` stands. Anything behind the `;` is a second statement. */
const endOf = (all: readonly Token[]): number => {
  const semicolon = all.findIndex(({ kind, text }) => kind === 'mark' && text === ';');
  if (semicolon === -1) return all.at(-1)?.end ?? 0;
  const after = all.slice(semicolon).find(({ text, kind }) => kind !== 'mark' || text !== ';');
  if (after !== undefined) {
    throw refusal(
      'SYNTAX_ERROR',
      `Syntax error (Multi-statements are not allowed): failed at position ${after.start + 1}`,
    );
  }
  return all[semicolon]?.start ?? 0;
};

/** `FORMAT x` at the outermost level, looked for from the end: a column may be called `format`. */
const formatClause = (all: readonly Token[]) => {
  const at = all.findLastIndex(
    (token, i) => token.depth === 0 && is(token, 'FORMAT') && i > 0 && all[i + 1]?.kind === 'word',
  );
  const [clause, name, next] = [all[at], all[at + 1], all[at + 2]];
  const last = next === undefined || is(next, 'SETTINGS') || next.text === ';';
  if (clause === undefined || name === undefined || !last) return null;
  return { start: clause.start, name: name.text, end: name.end };
};

const insertFromInput = (sql: string, all: readonly Token[]): Statement | null => {
  const at = all.findIndex(
    (token, i) => is(token, 'INPUT') && all[i + 1]?.text === '(' && all[i + 1]?.kind === 'mark',
  );
  const [input, bracket] = [all[at], all[at + 1]];
  // Behind FORMAT x there are data, which look like any tokens: the first FORMAT at level 0 behind input() counts.
  const format = all.findIndex((token, i) => i > at && token.depth === 0 && is(token, 'FORMAT'));
  const [clause, name] = [all[format], all[format + 1]];
  if (input === undefined || bracket === undefined || clause === undefined || name === undefined) {
    return null;
  }
  return {
    kind: 'insert-input',
    bodyEnd: clause.start,
    input: [input.start, bracket.end],
    format: name.text,
    dataStart: dataAfter(sql, name.end),
  };
};

const reaches = (all: readonly Token[]): string | null => {
  const at = all.findIndex(
    ({ kind, text }, i) =>
      (kind === 'word' || kind === 'name') &&
      reaching.has(text.toLowerCase()) &&
      all[i + 1]?.text === '(',
  );
  return all[at]?.text ?? null;
};

const noFiles = (all: readonly Token[]): void => {
  const outfile = all.some((token, i) => is(token, 'INTO') && is(all[i + 1], 'OUTFILE'));
  if (outfile) {
    throw refusal('INTO_OUTFILE_NOT_ALLOWED', 'INTO OUTFILE is not allowed');
  }
};

/**
 * Finds the kind and the parts of one statement.
 * @param sql latin1 text, perhaps followed by the data of an insert.
 * @throws Refusal for several statements, files on the server's disk, or nothing at all.
 */
export const understand = (sql: string): Understood => {
  const more = tokens(sql);
  const first = more.next();
  if (first.done === true) throw refusal('SYNTAX_ERROR', 'Empty query');
  const seen: Token[] = [first.value];
  const verb = first.value.text.toUpperCase();
  if (is(first.value, 'INSERT')) {
    const statement = insertData(sql, seen, more);
    const forbidden = 'Cannot execute query in readonly mode.';
    if (statement !== null) return { statement, forbidden };
    const all = [...seen, ...more];
    noFiles(all);
    const input = insertFromInput(sql, all);
    return { statement: input ?? { kind: 'insert-select', end: endOf(all) }, forbidden };
  }
  const all = [...seen, ...more];
  noFiles(all);
  const end = endOf(all);
  const reached = reaches(all);
  const kind = selects.has(verb) ? 'select' : shows.has(verb) ? 'show' : null;
  if (kind === null) {
    const forbidden = `Cannot execute ${verb} in readonly mode.`;
    return { statement: { kind: 'other', end, verb }, forbidden };
  }
  const format = formatClause(all);
  const statement: Statement = {
    kind,
    bodyEnd: format?.start ?? end,
    format: format?.name ?? null,
    tailStart: format?.end ?? end,
    end,
  };
  const forbidden = reached === null ? null : `${reached}() is not allowed in readonly mode.`;
  return { statement, forbidden };
};
