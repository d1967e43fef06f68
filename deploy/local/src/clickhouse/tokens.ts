/**
 * Enough of ClickHouse's lexer to find where a statement's parts begin. It works on latin1 text (one character per byte), because
 * all syntax is ASCII and the caller cuts bytes. It yields lazily: behind `FORMAT x` of an insert comes data, not SQL.
 * https://clickhouse.com/docs/sql-reference/syntax
 */

export interface Token {
  /** `word`: an unquoted identifier or keyword. `name`: a quoted identifier. `value`: a string or a number. */
  readonly kind: 'word' | 'name' | 'value' | 'mark';
  /** As written; for a `name` without its quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

const space = /[\s\u00a0]+/y;
const lineComment = /(?:--|#[ !])[^\n]*/y;
const blockComment = /\/\*[^]*?(?:\*\/|$)/y;
const word = /[A-Za-z_\u0080-\u00ff][A-Za-z0-9_$\u0080-\u00ff]*/y;
const number = /(?:\d[\w.]*|\.\d\w*)/y;
const heredoc = /\$(\w*)\$[^]*?\$\1\$/y;
// Both a backslash and a doubled quote escape a quote; an unfinished string runs to the end.
const text = /'(?:[^'\\]|\\[^]|'')*(?:'|$)/y;
const quoted = /`((?:[^`\\]|\\[^]|``)*)(?:`|$)|"((?:[^"\\]|\\[^]|"")*)(?:"|$)/y;

const matchAt = (pattern: RegExp, sql: string, at: number) => {
  pattern.lastIndex = at;
  return pattern.exec(sql);
};

/** Yields the tokens of `sql` (latin1) without white space and comments. Never throws: the engine judges syntax. */
export function* tokens(sql: string): Generator<Token, void, undefined> {
  let depth = 0;
  for (let at = 0; at < sql.length;) {
    const skipped =
      matchAt(space, sql, at) ?? matchAt(lineComment, sql, at) ?? matchAt(blockComment, sql, at);
    if (skipped !== null) {
      at += skipped[0].length;
      continue;
    }
    const token = (kind: Token['kind'], length: number, shown: string): Token => ({
      kind,
      text: shown,
      start: at,
      end: at + length,
      depth,
    });
    const isWord = matchAt(word, sql, at);
    const isName = isWord === null ? matchAt(quoted, sql, at) : null;
    const isValue =
      isWord === null && isName === null
        ? (matchAt(text, sql, at) ?? matchAt(heredoc, sql, at) ?? matchAt(number, sql, at))
        : null;
    let found: Token;
    if (isWord !== null) found = token('word', isWord[0].length, isWord[0]);
    else if (isName !== null) found = token('name', isName[0].length, isName[1] ?? isName[2] ?? '');
    else if (isValue !== null) found = token('value', isValue[0].length, isValue[0]);
    else {
      const mark = sql.charAt(at);
      if (')]}'.includes(mark)) depth -= 1;
      found = token('mark', 1, mark);
      if ('([{'.includes(mark)) depth += 1;
    }
    at = found.end;
    yield found;
  }
}
