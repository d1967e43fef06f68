import { refusal } from './errors.ts';
import type { Token } from './normalise.ts';

/** What a statement is, and its parts as text, all of it in the engine's canonical form. */
export type Statement =
  /** Something that answers with rows: `body [FORMAT format] tail`. */
  | {
      readonly kind: 'select' | 'show';
      readonly body: string;
      readonly format: string | null;
      readonly tail: string;
    }
  /** `INSERT ... FORMAT x` (or `VALUES`, which the engine writes as `FORMAT Values`), whose data follow. `settings`: its clause, or empty. */
  | {
      readonly kind: 'insert-data';
      readonly head: string;
      readonly settings: string;
      readonly format: string;
    }
  /** `INSERT ... SELECT ... FROM input('structure') ... FORMAT x` and data; cut where `input(` stands. */
  | {
      readonly kind: 'insert-input';
      readonly before: string;
      readonly inside: string;
      readonly format: string;
    }
  | { readonly kind: 'insert-select'; readonly text: string }
  | { readonly kind: 'other'; readonly text: string; readonly verb: string };

const shows = new Set(['SHOW', 'DESCRIBE', 'EXPLAIN', 'EXISTS']);

/** Keywords are bare words in capitals in canonical form; a name in quotes is none. */
export const isWord = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'BareWord' && token.text === text;
/** A name or a keyword: the lexer does not tell them apart. */
export const isName = (token: Token | undefined) =>
  token?.kind === 'BareWord' || token?.kind === 'QuotedIdentifier';

/** A name without its quotes. */
export const nameOf = ({ kind, text }: Token): string =>
  kind === 'QuotedIdentifier' ? text.slice(1, -1) : text;

const join = (tokens: readonly Token[]) =>
  tokens
    .map(({ text }) => text)
    .join('')
    .trim();

interface Placed extends Token {
  /** Index among all tokens. */
  readonly at: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

/** The tokens without the white space between them. */
export const meaningful = (tokens: readonly Token[]): readonly Token[] =>
  tokens.filter(({ kind }) => kind !== 'Whitespace');

/** The same, with where they stand. */
const placed = (tokens: readonly Token[]): readonly Placed[] => {
  let depth = 0;
  const all: Placed[] = [];
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind.startsWith('Closing')) depth -= 1;
    if (kind !== 'Whitespace') all.push({ kind, text, at, depth });
    if (kind.startsWith('Opening')) depth += 1;
  }
  return all;
};

/** `FORMAT x` at the outermost level, looked for from the end. */
const formatClause = (all: readonly Placed[]) => {
  const at = all.findLastIndex(
    (token, i) => token.depth === 0 && isWord(token, 'FORMAT') && isName(all[i + 1]),
  );
  const [clause, name, next] = [all[at], all[at + 1], all[at + 2]];
  const last = next === undefined || isWord(next, 'SETTINGS');
  if (clause === undefined || name === undefined || !last) return null;
  return { start: clause.at, name: nameOf(name), end: name.at + 1 };
};

const isSelect = (tokens: readonly Placed[]) => tokens.some((token) => isWord(token, 'SELECT'));

const inputCall = (all: readonly Placed[]) =>
  all.find(
    ({ kind, text }, i) =>
      kind === 'BareWord' &&
      text.toLowerCase() === 'input' &&
      all[i + 1]?.kind === 'OpeningRoundBracket',
  );

/** Whether the engine reads data behind this statement's text. */
export const takesData = (tokens: readonly Token[]): boolean => {
  const all = placed(tokens);
  if (!isWord(all[0], 'INSERT') || formatClause(all) === null) return false;
  return !isSelect(all) || inputCall(all) !== undefined;
};

const insert = (tokens: readonly Token[], all: readonly Placed[]): Statement => {
  const format = formatClause(all);
  if (format === null || !takesData(tokens)) return { kind: 'insert-select', text: join(tokens) };
  const input = isSelect(all) ? inputCall(all) : undefined;
  if (input !== undefined) {
    const bracket = tokens.findIndex(({ kind }, i) => i > input.at && kind.startsWith('Opening'));
    return {
      kind: 'insert-input',
      before: join(tokens.slice(0, input.at)),
      inside: join(tokens.slice(bracket + 1, format.start)),
      format: format.name,
    };
  }
  const settings = all.findLast(
    (token, i) =>
      token.depth === 0 &&
      isWord(token, 'SETTINGS') &&
      isName(all[i + 1]) &&
      all[i + 2]?.kind === 'Equals',
  );
  const headEnd = settings?.at ?? format.start;
  return {
    kind: 'insert-data',
    head: join(tokens.slice(0, headEnd)),
    settings: join(tokens.slice(headEnd, format.start)),
    format: format.name,
  };
};

/** The names of settings that the statement itself brings. */
export const settingsIn = (tokens: readonly Token[]): readonly string[] => {
  const all = meaningful(tokens);
  // A name before `=` may also be a column; refusing a column of such a name costs less than reading the grammar.
  return all.filter((token, i) => isName(token) && all[i + 1]?.kind === 'Equals').map(nameOf);
};

/** Files on the server's disk, and a second statement behind the first: refused whoever asks. */
const refuseFilesAndSeconds = (all: readonly Placed[]): void => {
  const pair = (first: string, second: string) =>
    all.some((token, i) => isWord(token, first) && isWord(all[i + 1], second));
  if (pair('INTO', 'OUTFILE')) {
    throw refusal('INTO_OUTFILE_NOT_ALLOWED', 'INTO OUTFILE is not allowed');
  }
  if (pair('FROM', 'INFILE')) {
    throw refusal('UNKNOWN_TYPE_OF_QUERY', 'INSERT FROM INFILE: send the data in the body');
  }
  if (pair('PARALLEL', 'WITH') || all.some(({ kind }) => kind === 'Semicolon')) {
    throw refusal('SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed)');
  }
  if (pair('SET', 'ROLE') || pair('DEFAULT', 'ROLE') || pair('EXECUTE', 'AS')) {
    throw refusal('NOT_IMPLEMENTED', 'Roles of the embedded ClickHouse cannot be changed');
  }
};

/**
 * The kind and the parts of a statement in canonical form.
 * @throws Refusal for files on the server's disk and for several statements.
 */
export const understand = (tokens: readonly Token[]): Statement => {
  const all = placed(tokens);
  const [first] = all;
  if (first === undefined) throw refusal('SYNTAX_ERROR', 'Empty query');
  refuseFilesAndSeconds(all);
  if (isWord(first, 'INSERT')) return insert(tokens, all);
  const selects = ['SELECT', 'WITH'].some((word) => isWord(first, word)) || first.text === '(';
  const kind = selects ? 'select' : shows.has(first.text) ? 'show' : null;
  if (kind === null) return { kind: 'other', text: join(tokens), verb: first.text };
  const format = formatClause(all);
  if (format === null) return { kind, body: join(tokens), format: null, tail: '' };
  return {
    kind,
    body: join(tokens.slice(0, format.start)),
    format: format.name,
    tail: join(tokens.slice(format.end)),
  };
};
