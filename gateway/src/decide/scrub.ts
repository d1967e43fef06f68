/**
 * Takes secrets that we know out of a text that others wrote: a provider's error may quote the credential it was sent.
 * A secret is found as it is, in part, in other case, escaped (JSON, percent, HTML), in base64 or hex, with something put
 * between its characters, and masked (`sk-...abcd`). What is found becomes `[redacted]`; all else stays as it was.
 */
export type Scrub = (text: string) => string;

const redacted = '[redacted]';
/** So many characters of a secret in a row are as good as the secret. A shorter secret counts only as a whole. */
const gramChars = 12;
/** What is shorter is a word like any other, and no secret. */
const minSecretChars = 4;
/** Dropping punctuation, or looking for base64, needs this much to be no coincidence. */
const minLooseChars = 10;
/** Escapes within escapes that are looked into. */
const maxLevels = 3;

/** A text and where each of its characters stands in the text that it was decoded from. */
interface View {
  readonly text: string;
  from(index: number): number;
  to(index: number): number;
}

/** A stretch of the original text, its end not included. */
type Stretch = readonly [from: number, to: number];

const asIs = (text: string): View => ({ text, from: (at) => at, to: (at) => at + 1 });

const escape =
  /\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\(["'\\/bfnrt])|%([0-9a-f]{2})|&#(\d{1,6});|&#x([0-9a-f]{1,5});/gi;

/** JSON's short escapes that stand for another character than the one after the backslash. */
const controls: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

const unescaped = (found: RegExpExecArray): string => {
  const [, unicode, byte, plain, percent, decimal, hex] = found;
  if (plain !== undefined) return controls.get(plain) ?? plain;
  const digits = unicode ?? byte ?? percent ?? hex;
  const code = digits === undefined ? Number(decimal) : Number.parseInt(digits, 16);
  return String.fromCharCode(code);
};

/** The text with its escapes resolved once; null: there are none. */
const decoded = (view: View): View | null => {
  const { text } = view;
  if (!/[\\%]|&#/.test(text)) return null;
  const from: number[] = [];
  const to: number[] = [];
  const parts: string[] = [];
  let copied = 0;
  const copy = (until: number): void => {
    for (let at = copied; at < until; at += 1) {
      from.push(view.from(at));
      to.push(view.to(at));
    }
    parts.push(text.slice(copied, until));
  };
  for (const found of text.matchAll(escape)) {
    copy(found.index);
    copied = found.index + found[0].length;
    from.push(view.from(found.index));
    to.push(view.to(copied - 1));
    parts.push(unescaped(found));
  }
  if (copied === 0) return null;
  copy(text.length);
  return {
    text: parts.join(''),
    from: (at) => from[at] ?? 0,
    to: (at) => to[at] ?? 0,
  };
};

const isLoose = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a);

/** Only letters and digits, in lower case: what was put between them is gone. */
const looseText = (text: string): string => text.replaceAll(/[^a-zA-Z0-9]+/g, '').toLowerCase();

/** The text of `looseText` with its places. */
const loosened = (view: View, text: string): View => {
  const kept: number[] = [];
  for (let at = 0; at < view.text.length; at += 1) {
    if (isLoose(view.text.charCodeAt(at))) kept.push(at);
  }
  return {
    text,
    from: (at) => view.from(kept[at] ?? 0),
    to: (at) => view.to(kept[at] ?? 0),
  };
};

const base64 = (bytes: Uint8Array): string => {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
};

/** What a secret becomes in base64 wherever in the encoded text it stands: without the digits that its neighbours share. */
const base64Forms = (bytes: Uint8Array): readonly string[] =>
  [0, 1, 2].flatMap((before) => {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    const digits = base64(padded).slice(
      Math.ceil((before * 8) / 6),
      Math.floor((padded.length * 8) / 6),
    );
    return [digits, digits.replaceAll('+', '-').replaceAll('/', '_')];
  });

const hexForm = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Pieces of secrets of one length, in lower case, and by what they may begin: most places of a text need no closer look. */
interface Grams {
  readonly known: Set<string>;
  readonly beginnings: Uint8Array;
}

const beginning = (text: string, at: number): number =>
  (text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2)) & 0xffff;

/** Everything that is looked for, made once for a set of secrets. */
interface Needles {
  readonly secrets: readonly string[];
  /** By length. */
  readonly grams: ReadonlyMap<number, Grams>;
  readonly loose: readonly string[];
  readonly encoded: readonly string[];
  readonly hex: readonly string[];
}

const needlesOf = (secrets: readonly string[]): Needles => {
  const known = [...new Set(secrets)].filter(({ length }) => length >= minSecretChars);
  const grams = new Map<number, Grams>();
  for (const secret of known) {
    const lower = secret.toLowerCase();
    const size = Math.min(gramChars, lower.length);
    const ofSize = grams.get(size) ?? { known: new Set(), beginnings: new Uint8Array(0x10000) };
    grams.set(size, ofSize);
    for (let at = 0; at + size <= lower.length; at += 1) {
      ofSize.known.add(lower.slice(at, at + size));
      ofSize.beginnings[beginning(lower, at)] = 1;
    }
  }
  const isLong = ({ length }: string): boolean => length >= minLooseChars;
  const encoder = new TextEncoder();
  const bytes = known.map((secret) => encoder.encode(secret));
  return {
    secrets: known,
    grams,
    loose: known.map(looseText).filter(isLong),
    encoded: bytes.flatMap(base64Forms).filter(isLong),
    hex: bytes.map(hexForm).filter(isLong),
  };
};

const occurrences = (view: View, needle: string, into: Stretch[]): void => {
  for (
    let at = view.text.indexOf(needle);
    at >= 0;
    at = view.text.indexOf(needle, at + needle.length)
  ) {
    into.push([view.from(at), view.to(at + needle.length - 1)]);
  }
};

const gramsIn = (view: View, lower: string, { grams }: Needles, into: Stretch[]): void => {
  for (const [size, { known, beginnings }] of grams) {
    for (let at = 0; at + size <= lower.length; at += 1) {
      if (beginnings[beginning(lower, at)] === 0) continue;
      if (known.has(lower.slice(at, at + size))) into.push([view.from(at), view.to(at + size - 1)]);
    }
  }
};

/** Secrets in base64, in hexadecimal, and with something put between their letters. */
const longFormsIn = (view: View, lower: string, needles: Needles, into: Stretch[]): void => {
  for (const needle of needles.encoded) occurrences(view, needle, into);
  for (const needle of needles.hex) occurrences({ ...view, text: lower }, needle, into);
  const text = looseText(view.text);
  const inside = needles.loose.filter((needle) => text.includes(needle));
  if (inside.length === 0) return;
  const loose = loosened(view, text);
  for (const needle of inside) occurrences(loose, needle, into);
};

const mask = /[*•●…]+|\.{3,}|[xX]{4,}|\[\.\.\.\]/g;
const hasMask = new RegExp(mask.source);
/** Left and right of a mask. */
const maxShownChars = 64;

/** How many characters at the end of `text` begin the secret. */
const headChars = (text: string, secret: string): number => {
  for (let size = Math.min(text.length, secret.length); size > 0; size -= 1) {
    if (secret.startsWith(text.slice(-size))) return size;
  }
  return 0;
};
/** How many characters at the beginning of `text` end the secret. */
const tailChars = (text: string, secret: string): number => {
  for (let size = Math.min(text.length, secret.length); size > 0; size -= 1) {
    if (secret.endsWith(text.slice(0, size))) return size;
  }
  return 0;
};

/** A beginning and an end are enough to know which credential it is, and too much to be a coincidence. */
const maskedIn = ({ text, ...view }: View, { secrets }: Needles, into: Stretch[]): void => {
  if (!hasMask.test(text)) return;
  for (const { index, 0: found } of text.matchAll(mask)) {
    const end = index + found.length;
    const [before = ''] =
      /[\w-]*\s?$/.exec(text.slice(Math.max(0, index - maxShownChars), index)) ?? [];
    const [after = ''] = /^\s?[\w-]*/.exec(text.slice(end, end + maxShownChars)) ?? [];
    for (const secret of secrets) {
      const head = headChars(before.trimEnd(), secret);
      const tail = tailChars(after.trimStart(), secret);
      if (head >= 6 || tail >= 4 || (head >= 3 && tail >= 2))
        into.push([view.from(index - before.length), view.to(end + after.length - 1)]);
    }
  }
};

const without = (text: string, stretches: readonly Stretch[]): string => {
  const parts: string[] = [];
  let end = 0;
  for (const [from, to] of stretches.toSorted((a, b) => a[0] - b[0])) {
    if (from > end || (from === 0 && end === 0)) parts.push(text.slice(end, from), redacted);
    end = Math.max(end, to);
  }
  return parts.join('') + text.slice(end);
};

/** Makes a scrubber for a set of secrets. Linear in the length of a text, for texts of an error's size. */
export const scrubber = (secrets: readonly string[]): Scrub => {
  const needles = needlesOf(secrets);
  if (needles.secrets.length === 0) return (text) => text;
  return (text) => {
    const found: Stretch[] = [];
    let view: View | null = asIs(text);
    for (let level = 0; view !== null && level <= maxLevels; level += 1) {
      const lower = view.text.toLowerCase();
      // Lower case of a few letters is longer; their places would be wrong.
      if (lower.length === view.text.length) gramsIn(view, lower, needles, found);
      else gramsIn(view, view.text, needles, found);
      // Most texts are names and numbers in headers, too short for these.
      if (view.text.length >= minLooseChars) longFormsIn(view, lower, needles, found);
      maskedIn(view, needles, found);
      view = decoded(view);
    }
    return found.length === 0 ? text : without(text, found);
  };
};
