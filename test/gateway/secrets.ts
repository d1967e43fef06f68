/** Ways in which a text may hold a secret, and a reader who tries to get it back. Nothing here knows how it is taken out. */
import * as fc from 'fast-check';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Keys as vendors make them: a prefix and at least 24 random letters. */
export const anyKey: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('sk-', 'sk-proj-', 'sk-ant-api03-', 'gsk_', 'xai-', 'tg-', ''),
    fc.array(fc.constantFrom(...Array.from(letters)), { minLength: 24, maxLength: 60 }),
    fc.constantFrom('', '-', '_'),
  )
  .map(([prefix, body, joint]) => prefix + body.join('').replace(/^(.{9})./, `$1${joint}`));

const each =
  (write: (char: string) => string) =>
  (key: string): string =>
    Array.from(key, write).join('');
const code = (char: string, radix: number): string => char.charCodeAt(0).toString(radix);

export const forms: readonly { readonly name: string; write(key: string): string }[] = [
  { name: 'raw', write: (key) => key },
  { name: 'bearer', write: (key) => `Bearer ${key}` },
  { name: 'quoted in JSON', write: (key) => JSON.stringify({ key }) },
  { name: 'JSON in JSON', write: (key) => JSON.stringify(JSON.stringify({ key })) },
  { name: 'upper case', write: (key) => key.toUpperCase() },
  { name: 'base64', write: (key) => Buffer.from(key).toString('base64') },
  { name: 'base64url', write: (key) => Buffer.from(key).toString('base64url') },
  { name: 'basic', write: (key) => `Basic ${Buffer.from(`user:${key}`).toString('base64')}` },
  { name: 'basic, as the user', write: (key) => Buffer.from(`${key}:`).toString('base64') },
  { name: 'hex', write: (key) => Buffer.from(key).toString('hex') },
  { name: 'URL', write: (key) => `https://x.test/?key=${encodeURIComponent(key)}` },
  { name: 'percent', write: each((char) => `%${code(char, 16)}`) },
  { name: 'JSON escapes', write: each((char) => `\\u${code(char, 16).padStart(4, '0')}`) },
  { name: 'JSON escapes twice', write: each((char) => `\\\\u${code(char, 16).padStart(4, '0')}`) },
  { name: 'HTML', write: each((char) => `&#${code(char, 10)};`) },
  { name: 'HTML in hex', write: each((char) => `&#x${code(char, 16)};`) },
  { name: 'spaced', write: (key) => Array.from(key).join(' ') },
  { name: 'broken over lines', write: (key) => key.replace(/.{8}/g, '$&\n') },
  {
    name: 'broken over lines in JSON',
    write: (key) => JSON.stringify(key.replace(/.{8}/g, '$&\n')),
  },
  { name: 'beginning', write: (key) => key.slice(0, 20) },
  { name: 'end', write: (key) => key.slice(-20) },
  { name: 'masked', write: (key) => `${key.slice(0, 8)}...${key.slice(-4)}` },
  { name: 'starred', write: (key) => `${key.slice(0, 6)}${'*'.repeat(20)}${key.slice(-4)}` },
  { name: 'twice', write: (key) => `${key}${key}` },
];

/** A stretch of a key that is as good as the key. */
const stretch = 14;

const views = (text: string): readonly string[] => {
  const unescaped = text
    .replaceAll(/\\+u([0-9a-f]{4})/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
    .replaceAll(/\\+[bfnrt]/g, '\n')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
    .replaceAll(/&#(\d+);/g, (_, digits: string) => String.fromCharCode(Number(digits)))
    .replaceAll(/&#x([0-9a-f]+);/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
  const packed = (text.match(/[A-Za-z0-9+/_-]{8,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].flatMap((skip) => [
      Buffer.from(run.slice(skip), 'base64').toString('latin1'),
      Buffer.from(run.slice(skip % 2), 'hex').toString('latin1'),
    ]),
  );
  return [text, unescaped, ...packed].flatMap((one) => [one, one.replaceAll(/[^A-Za-z0-9]/g, '')]);
};

/** True when so much of the key can be read out of a text that it is lost. */
export const recovers = (text: string, key: string): boolean => {
  const lower = views(text).map((view) => view.toLowerCase());
  return [key, key.replaceAll(/[^A-Za-z0-9]/g, '')].some((secret) => {
    const wanted = secret.toLowerCase();
    for (let at = 0; at + stretch <= wanted.length; at += 1) {
      const part = wanted.slice(at, at + stretch);
      if (lower.some((view) => view.includes(part))) return true;
    }
    return false;
  });
};
