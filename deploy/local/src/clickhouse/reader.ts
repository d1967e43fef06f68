/**
 * What a reader's statement may hold: allow-lists over the tokens of its canonical form, so that a spelling that nobody thought of is
 * refused, not allowed. Behind it stands the engine's own wall, the role `reading` and `readonly` (access.ts).
 */
import { refusal } from './errors.ts';
import { mayCall } from './reader-functions.ts';
import { isName, isWord, meaningful, nameOf } from './statement.ts';
import type { Statement } from './statement.ts';
import type { Token } from './normalise.ts';

/** Kinds of tokens that may occur. Not among them: `HereDoc`, `Semicolon`, comments and errors, which canonical form does not have. */
// oxfmt-ignore
const tokenKinds = new Set([
  'BareWord', 'QuotedIdentifier', 'Number', 'StringLiteral', 'Comma', 'Dot', 'Colon', 'OpeningRoundBracket', 'ClosingRoundBracket',
  'OpeningSquareBracket', 'ClosingSquareBracket', 'OpeningCurlyBrace', 'ClosingCurlyBrace', 'Asterisk', 'Plus', 'Minus', 'Slash', 'Percent',
  'Arrow', 'Caret', 'Concatenation', 'DoubleColon', 'Spaceship', 'Equals', 'NotEquals', 'Less', 'Greater', 'LessOrEquals', 'GreaterOrEquals',
]);

/** Keywords that may stand before a bracket without calling anything. */
// oxfmt-ignore
const beforeBracket = new Set([
  'ALL', 'AND', 'ANY', 'AS', 'BY', 'COLUMNS', 'DISTINCT', 'ELSE', 'EXCEPT', 'EXPLAIN', 'FROM', 'HAVING', 'ILIKE', 'IN', 'INTERPOLATE',
  'INTERSECT', 'JOIN', 'LIKE', 'LIMIT', 'NOT', 'OFFSET', 'ON', 'OR', 'OVER', 'PLAN', 'PREWHERE', 'QUALIFY', 'REPLACE', 'SELECT', 'SETS',
  'STEP', 'SYNTAX', 'TABLE', 'TO', 'USING', 'WHERE', 'AST', 'PIPELINE', 'ESTIMATE', 'TREE',
]);

/** Tables of `system` that tell what there is, how it fares, and the asker's own settings; not what others ask, or the server's insides. */
// oxfmt-ignore
const systemTables = new Set([
  'columns', 'data_type_families', 'databases', 'formats', 'functions', 'keywords', 'merges', 'mutations', 'numbers', 'numbers_mt', 'one', 'parts',
  'parts_columns', 'projection_parts', 'projections', 'replicas', 'settings', 'table_engines', 'table_functions', 'tables', 'time_zones', 'zeros', 'zeros_mt',
]);

/** The beginnings of the statements that tell about things instead of selecting them. */
// oxfmt-ignore
const tells = [
  /^SHOW (?:TABLES|DATABASES|COLUMNS|INDEXES|FUNCTIONS|ENGINES|CREATE (?:TABLE|VIEW|DATABASE))\b/,
  /^DESCRIBE TABLE\b/, /^EXISTS (?:TABLE|VIEW|DATABASE)\b/,
  /^EXPLAIN (?:(?:SELECT|WITH|PLAN|AST|SYNTAX|PIPELINE|ESTIMATE|QUERY TREE)\b|\(|\w+ =)/,
];

const mayStandBeforeBracket = (token: Token): boolean =>
  mayCall(nameOf(token)) || (token.kind === 'BareWord' && beforeBracket.has(nameOf(token)));

/** Why a reader may not use a token where it stands, or null. */
const fault = (all: readonly Token[], i: number, inParameter: boolean): string | null => {
  const [before, token, next, afterNext] = [all[i - 1], all[i], all[i + 1], all[i + 2]];
  if (token === undefined) return null;
  if (!tokenKinds.has(token.kind)) return `${token.kind} ${token.text} is not allowed`;
  if (!isName(token)) return null;
  const name = nameOf(token);
  if (inParameter) {
    // `{name:Type}`: a type calls nothing, but an Identifier would put an unchecked name into the statement.
    return name === 'Identifier' ? 'a parameter of type Identifier is not allowed' : null;
  }
  if (isWord(token, 'SETTINGS') && isName(next) && afterNext?.kind === 'Equals') {
    return 'SETTINGS is not allowed: settings come in the address';
  }
  const called = next?.kind === 'OpeningRoundBracket' || isWord(before, 'APPLY');
  if (called && !mayStandBeforeBracket(token)) return `${name}() is not allowed`;
  const table = next?.kind === 'Dot' && isName(afterNext) ? afterNext : undefined;
  if (name.toLowerCase() === 'system' && table !== undefined && !systemTables.has(nameOf(table))) {
    return `system.${nameOf(table)} is not allowed`;
  }
  return null;
};

/** The first thing among tokens that is not on the lists, or null. */
const firstFault = (all: readonly Token[]): string | null => {
  let inParameter = false;
  for (const [i, token] of all.entries()) {
    if (token.kind === 'OpeningCurlyBrace') inParameter = true;
    if (token.kind === 'ClosingCurlyBrace') inParameter = false;
    const found = fault(all, i, inParameter);
    if (found !== null) return found;
  }
  return null;
};

/** Functions in expressions that read files, whatever the role: the engine's access control does not cover them. */
const reaching = new Set(['file', 'catboostevaluate', 'showcertificate', 'executable']);

/**
 * Why a statement is for nobody, or null. An insert from `input()` runs in a role that may read files (our copy of the data is one),
 * so what stands behind its SELECT must be on the reader's lists, and no name in it may be a path.
 */
export const notForAnybody = (
  tokens: readonly Token[],
  { kind }: Statement,
  params: ReadonlyMap<string, string>,
): string | null => {
  const all = meaningful(tokens);
  // The database `default` takes a path for a table, and asks for the right to read files only when it opens one for the first time.
  const named = all.some(
    (token, i) => nameOf(token) === 'Identifier' && all[i - 1]?.kind === 'Colon',
  );
  const names = [...all.filter(isName).map(nameOf), ...(named ? params.values() : [])];
  const reachedFile = names.find((name) => /^\/|\.\./.test(name));
  if (reachedFile !== undefined) return `the path ${reachedFile} is not allowed as a name`;
  const reached = all.find(
    (token, i) =>
      isName(token) &&
      reaching.has(nameOf(token).toLowerCase()) &&
      // `APPLY` takes a function by its name alone.
      (all[i + 1]?.kind === 'OpeningRoundBracket' || isWord(all[i - 1], 'APPLY')),
  );
  if (reached !== undefined) return `${nameOf(reached)}() is not allowed`;
  if (kind !== 'insert-input') return null;
  const select = all.slice(
    all.findIndex((token) => isWord(token, 'SELECT') || isWord(token, 'WITH')),
  );
  const file = select.find((token) => isName(token) && nameOf(token).includes('/'));
  if (file !== undefined) return `${file.text} is not allowed in an insert from input()`;
  return firstFault(select.filter((token) => nameOf(token).toLowerCase() !== 'input'));
};

/**
 * Why a statement is not for a reader, or null.
 * @param tokens of its canonical form.
 */
export const notForReaders = (tokens: readonly Token[], { kind }: Statement): string | null => {
  const all = meaningful(tokens);
  const beginning = all
    .slice(0, 3)
    .map(({ text }) => text)
    .join(' ');
  if (kind !== 'select' && !(kind === 'show' && tells.some((one) => one.test(beginning)))) {
    return `${beginning} is not allowed`;
  }
  return firstFault(all);
};

/** Databases that a reader's names may be looked up in. */
export const readerDatabases: ReadonlySet<string> = new Set(['', 'default', 'tollgate']);

/** The longest SQL of a reader, and the most BETWEENs in it: the parser doubles the left side of each, so nested ones grow as 2 to the n. */
const [maxReaderBytes, maxBetweens] = [64 * 1024, 16];

/**
 * Refuses SQL that would cost the engine much before it can be judged.
 * @throws Refusal
 */
export const refuseCostly = (sql: string): void => {
  if (sql.length > maxReaderBytes) {
    throw refusal('SYNTAX_ERROR', `Max query size exceeded: ${maxReaderBytes} bytes for readers`);
  }
  // However the keyword is written, these letters are in it; in a string they count too.
  if (sql.split(/between/i).length - 1 > maxBetweens) {
    throw refusal(
      'LIMIT_EXCEEDED',
      `More than ${maxBetweens} times BETWEEN in a reader's statement`,
    );
  }
};
