import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readCatalogue } from '../../../gateway/src/prices/catalogue.ts';
import {
  publicKeyOf,
  signedParts,
  signedText,
  verifiedText,
} from '../../../gateway/src/prices/signed.ts';
import { smallCatalogue } from './small-catalogue.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-signed-'));
afterAll(() => rmSync(directory, { recursive: true }));

const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const text = smallCatalogue();
const file = signedText(text, ours.privateKey) ?? '';
const verify = (signed: string) => verifiedText(signed, [ours.publicKey]);

test('what was signed is verified, and is the very text of the unsigned catalogue', () => {
  expect(verify(file)).toEqual({ text });
  expect(readCatalogue(text)).toMatchObject({ kind: 'catalogue' });
  expect(JSON.parse(file)).toMatchObject({ format: 1, signature: expect.stringMatching(/==$/) });
});

test('while one key takes the place of another, the catalogues of both are taken', () => {
  const other = signedText(text, theirs.privateKey) ?? '';
  const both = [theirs.publicKey, ours.publicKey];
  expect([verifiedText(file, both), verifiedText(other, both)]).toEqual([{ text }, { text }]);
  expect(verify(other)).toMatchObject({ problem: expect.stringContaining('publicKeys') });
  expect(verifiedText(file, [])).toMatchObject({ problem: expect.any(String) });
});

test('openssl verifies the signature over the unsigned file, with nothing else of ours', () => {
  const at = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const key = at('public.pem', ours.publicKey.export({ type: 'spki', format: 'pem' }));
  const signature = at('signature', signedParts(file)?.signature ?? '');
  const question = `pkeyutl -verify -pubin -rawin -inkey ${key} -in ${at('catalogue.json', text)} -sigfile ${signature}`;
  const said = execFileSync('openssl', question.split(' '));
  expect(String(said)).toContain('Signature Verified Successfully');
});

test('one flipped bit, anywhere in the file, and it is refused', () => {
  const bytes = Buffer.from(file);
  const taken: string[] = [];
  for (let at = 0; at < bytes.length; at += 1)
    for (let bit = 0; bit < 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      if (!('problem' in verify(flipped.toString('utf8')))) taken.push(`bit ${bit} of byte ${at}`);
    }
  expect(taken).toEqual([]);
});

test('cut off at any byte, at either end, it is refused', () => {
  for (let at = 0; at < file.length; at += 1) {
    expect(verify(file.slice(0, at))).toHaveProperty('problem');
    if (at > 0) expect(verify(file.slice(at))).toHaveProperty('problem');
  }
});

test.each([
  ['unsigned', text],
  ['with something behind it', `${file} `],
  ['with something before it', `\n${file}`],
  ['with a second signature', signedText(file, ours.privateKey) ?? file.replace(/\}\n$/, file)],
  ['with other line ends', file.replaceAll('\n', '\r\n')],
  ['with a byte order mark', `\u{feff}${file}`],
  ['with a key that is said twice', file.replace('"format": 1,', '"format": 1, "format": 1,')],
  ['empty', ''],
])('a file %s is refused', (_, changed) => {
  expect(verify(changed)).toHaveProperty('problem');
});

test('what is signed already, or is no catalogue text, is not signed', () => {
  expect(signedText(file, ours.privateKey)).toBeNull();
  expect(signedText('{}', ours.privateKey)).toBeNull();
});

test('a public key is read as PEM or as the base64 of its SPKI; nothing else is one', () => {
  const pem = ours.publicKey.export({ type: 'spki', format: 'pem' });
  const base64 = ours.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  expect(publicKeyOf(`${pem}\n`)?.equals(ours.publicKey)).toBe(true);
  expect(publicKeyOf(base64)?.equals(ours.publicKey)).toBe(true);
  const secret = ours.privateKey.export({ type: 'pkcs8', format: 'pem' });
  // Node makes a public key of it, which would leave the private one in the configuration unnoticed.
  expect(createPublicKey(secret).equals(ours.publicKey)).toBe(true);
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const others = [secret, rsa.export({ type: 'spki', format: 'pem' }), 'AAAA', '', '{}'];
  expect(others.map(publicKeyOf)).toEqual(others.map(() => null));
});
