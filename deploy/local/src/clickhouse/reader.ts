/**
 * What a reader's statement may hold: allow-lists over the tokens of its canonical form, so that a spelling that nobody thought of is
 * refused, not allowed. Behind it stands the engine's own wall, the role `reading` and `readonly` (access.ts).
 */
import { mayCall } from './reader-functions.ts';
import { isName, isWord, meaningful, nameOf } from './statement.ts';
import type { Statement } from './statement.ts';
import type { Token } from './normalise.ts';

/** Kinds of tokens that may occur. Not among them: `HereDoc`, `Semicolon`, comments and errors, which canonical form does not have. */
// oxfmt-ignore
const tokenKinds = new Set([
  'BareWord', 'QuotedIdentifier', 'Number', 'StringLiteral', 'Comma', 'Dot', 'Colon', 'OpeningRoundBracket', 'ClosingRoundBracket',
  'OpeningSquareBracket', 'ClosingSquareBracket', 'OpeningCurlyBrace', 'ClosingCurlyBrace', 'Asterisk', 'Plus', 'Minus', 'Slash', 'Percent',
  'Arrow', 'Concatenation', 'DoubleColon', 'Spaceship', 'Equals', 'NotEquals', 'Less', 'Greater', 'LessOrEquals', 'GreaterOrEquals',
]);

/** Keywords that may stand before a bracket without calling anything. */
// oxfmt-ignore
const beforeBracket = new Set([
  'ALL', 'AND', 'ANY', 'AS', 'BY', 'COLUMNS', 'DISTINCT', 'ELSE', 'EXCEPT', 'EXPLAIN', 'FROM', 'HAVING', 'ILIKE', 'IN', 'INTERPOLATE',
  'INTERSECT', 'JOIN', 'LIKE', 'LIMIT', 'NOT', 'OFFSET', 'ON', 'OR', 'OVER', 'PLAN', 'PREWHERE', 'QUALIFY', 'REPLACE', 'SELECT', 'SETS',
  'STEP', 'SYNTAX', 'TABLE', 'TO', 'USING', 'WHERE', 'AST', 'PIPELINE', 'ESTIMATE', 'TREE',
]);

/** Tables of `system` that tell what there is and how it fares; not those that show what others ask, settings, or the machine. */
// oxfmt-ignore
const systemTables = new Set([
  'columns', 'data_type_families', 'databases', 'formats', 'functions', 'keywords', 'merges', 'mutations', 'numbers', 'numbers_mt', 'one', 'parts',
  'parts_columns', 'replicas', 'table_engines', 'table_functions', 'tables', 'time_zones', 'zeros', 'zeros_mt',
]);

/** What may be shown, by the word behind SHOW. */
const shown = new Set(['TABLES', 'DATABASES', 'COLUMNS', 'CREATE', 'FUNCTIONS', 'FULL']);

/** Why a reader may not use a token where it stands, or null. */
const fault = (all: readonly Token[], i: number): string | null => {
  const [before, token, next, afterNext] = [all[i - 1], all[i], all[i + 1], all[i + 2]];
  if (token === undefined) return null;
  if (!tokenKinds.has(token.kind)) return `${token.kind} ${token.text} is not allowed`;
  if (!isName(token)) return null;
  const name = nameOf(token);
  if (isWord(token, 'SETTINGS') && isName(next) && afterNext?.kind === 'Equals') {
    return 'SETTINGS is not allowed: settings come in the address';
  }
  if (name === 'Identifier' && before?.kind === 'Colon') {
    return 'a parameter of type Identifier is not allowed';
  }
  const called = next?.kind === 'OpeningRoundBracket' || isWord(before, 'APPLY');
  if (called && !mayCall(name) && !(token.kind === 'BareWord' && beforeBracket.has(name))) {
    return `${name}() is not allowed`;
  }
  const table = next?.kind === 'Dot' && isName(afterNext) ? afterNext : undefined;
  if (name.toLowerCase() === 'system' && table !== undefined && !systemTables.has(nameOf(table))) {
    return `system.${nameOf(table)} is not allowed`;
  }
  return null;
};

/** Functions in expressions that read files, whatever the role: the engine's access control does not cover them. Refused for all. */
const reaching = new Set(['file', 'catboostevaluate', 'showcertificate', 'executable']);

/** A function that nobody may call, or null. `APPLY` takes one by its name alone. */
export const reaches = (tokens: readonly Token[]): string | null => {
  const all = meaningful(tokens);
  const at = all.findIndex(
    (token, i) =>
      isName(token) &&
      reaching.has(nameOf(token).toLowerCase()) &&
      (all[i + 1]?.kind === 'OpeningRoundBracket' || isWord(all[i - 1], 'APPLY')),
  );
  const found = all[at];
  return found === undefined ? null : nameOf(found);
};

/** Tokens inside a parameter `{name:Type}` are types, which call nothing. */
const isInParameter = (all: readonly Token[]): readonly boolean[] => {
  let inside = false;
  return all.map(({ kind }) => {
    if (kind === 'OpeningCurlyBrace') inside = true;
    if (kind === 'ClosingCurlyBrace') inside = false;
    return inside;
  });
};

/**
 * Why a statement is not for a reader, or null.
 * @param tokens of its canonical form.
 */
export const notForReaders = (tokens: readonly Token[], { kind }: Statement): string | null => {
  const all = meaningful(tokens);
  const [first, second] = all;
  if (kind !== 'select' && kind !== 'show') return `Cannot execute ${first?.text ?? ''}`;
  if (isWord(first, 'SHOW') && !shown.has(second?.text ?? '')) {
    return `SHOW ${second?.text ?? ''} is not allowed`;
  }
  const parameter = isInParameter(all);
  for (let i = 0; i < all.length; i += 1) {
    const isType = parameter[i] === true && all[i]?.text !== 'Identifier';
    const found = isType ? null : fault(all, i);
    if (found !== null) return found;
  }
  return null;
};

/** Databases that a reader's names may be looked up in. */
export const readerDatabases: ReadonlySet<string> = new Set(['', 'default', 'tollgate']);
