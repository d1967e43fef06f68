/**
 * Every way that ClickHouse's lexer has to write one thing: quotes, escapes, heredocs, white space, comments.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Parsers/Lexer.cpp
 */
import type { Chance } from './random.ts';

/** Texts that end a quote, a comment or a statement for a reader who does not see what encloses them. */
// oxfmt-ignore
const traps = [
  "'", '"', '`', '‘', '’', '“', '”', ';', '--', '/*', '*/', '#', '$$', '$a$', '\\', "\\'", "''", 'INTO OUTFILE', "file('x')", ' FORMAT CSV ', '{x:Identifier}', ')', '(', '\n',
] as const;

const blanks = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\f',
  '\v',
  '\u00a0',
  '\u2003',
  '\u3000',
  '\u200b',
  '\ufeff',
] as const;

const comment = (by: Chance): string => {
  const inside = by.percent(60) ? by.pick(traps).replaceAll('\n', ' ') : '';
  const closed = inside.replaceAll('*/', '');
  return by.pick([
    `--${inside}\n`,
    `# ${inside}\n`,
    `#!${inside}\n`,
    `/*${closed}*/`,
    `/* /*${closed}*/ */`,
    `/**/`,
    `/*${inside}*/`,
  ]);
};

/** What may stand between two tokens. */
export const gap = (by: Chance): string => {
  if (by.percent(60)) return ' ';
  const parts = Array.from({ length: 1 + by.below(3) }, () =>
    by.percent(40) ? comment(by) : by.percent(80) ? by.pick([' ', '\n', '\t']) : by.pick(blanks),
  );
  return parts.join('');
};

export const keyword = (by: Chance, words: string): string =>
  words
    .split(' ')
    .map((word) => by.pick([word, word, word.toLowerCase(), word[0] + word.slice(1).toLowerCase()]))
    .reduce((before, word) => `${before}${gap(by)}${word}`);

/** Writes some ASCII characters as the escapes that every quoted thing may hold. */
const hexed = (by: Chance, text: string) =>
  text.replaceAll(/[\w @/.-]/g, (char) =>
    by.percent(15) ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char,
  );

const escaped = (by: Chance, text: string, quote: string) =>
  hexed(
    by,
    text.replaceAll('\\', '\\\\').replaceAll(quote, by.pick([`\\${quote}`, quote + quote])),
  );

/** A string literal; sometimes with a trap for other readers in it. */
export const string = (by: Chance, text: string): string => {
  const way = by.below(10);
  if (way < 5) return `'${escaped(by, text, "'")}'`;
  if (way < 8) return `‘${text}’`;
  const tag = by.pick(['', 'a', 'tag_1']);
  return `$${tag}$${text}$${tag}$`;
};

/** A string that holds a trap. */
export const trap = (by: Chance): string => {
  const text = `${by.pick(traps)}${by.percent(30) ? by.pick(traps) : ''}`;
  if (by.percent(40) && !text.includes('’')) return `‘${text}’`;
  if (by.percent(30) && !text.includes('$')) return `$$${text}$$`;
  return `'${escaped(by, text, "'")}'`;
};

/** An identifier, bare or in any of the quotes. */
export const name = (by: Chance, text: string): string => {
  const way = by.below(8);
  if (way < 3 && /^[A-Za-z_]\w*$/.test(text)) return text;
  if (way < 5) return `\`${escaped(by, text, '`')}\``;
  if (way < 6) return `"${escaped(by, text, '"')}"`;
  return `“${text}”`;
};

/** Damages a statement by a few characters, so that other statements arise than the grammar knows. */
export const damage = (by: Chance, sql: string): string => {
  let text = sql;
  for (let times = 1 + by.below(3); times > 0; times -= 1) {
    const at = by.below(text.length + 1);
    const [before, after] = [text.slice(0, at), text.slice(at)];
    const way = by.below(3);
    if (way === 0) text = before + by.pick(traps) + after;
    else if (way === 1) text = before + after.slice(1 + by.below(4));
    else text = before + after.slice(0, by.below(12)) + after;
  }
  return text;
};
