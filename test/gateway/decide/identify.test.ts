import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { identifier, keyHash, keysIn } from '../../../gateway/src/decide/identify.ts';
import { someCall } from '../model/settlements.ts';

const { caller } = someCall;
if (caller === null) throw new Error('the example has a caller');
const secret = 'tg-0123456789';
const identify = identifier(new Map([[keyHash(secret), caller]]));
const known = { kind: 'known', caller, user: '' };

test('a key is kept as the SHA-256 of its text', () => {
  expect(keyHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(keyHash('\u00e9')).toBe(createHash('sha256').update('\u00e9', 'utf8').digest('hex'));
});

// oxfmt-ignore
test.each([
  [`Bearer ${secret}`, undefined], [`bearer ${secret}`, undefined], [`BEARER  ${secret} `, undefined],
  [undefined, secret], [undefined, ` ${secret} `], ['Bearer ', secret], ['Basic abc', secret],
])('known: authorization %j, api key %j', (authorization, apiKey) => {
  expect(identify(authorization, apiKey)).toEqual(known);
});

// oxfmt-ignore
test.each([
  [undefined, undefined, 'missing'], [undefined, '', 'missing'], ['Bearer ', undefined, 'malformed'],
  ['Basic abc', undefined, 'malformed'], [secret, undefined, 'malformed'], ['Bearer x', undefined, 'unknown'],
  [`Bearer ${'x'.repeat(513)}`, undefined, 'malformed'], [`Bearer ${keyHash(secret)}`, undefined, 'unknown'],
  ['Bearer x', secret, 'unknown'],
])('unknown: authorization %j, api key %j: %s', (authorization, apiKey, reason) => {
  expect(identify(authorization, apiKey)).toEqual({ kind: 'unknown', reason });
});

test('more keys than are remembered are all known, again and again', async () => {
  const many = new Map(
    Array.from({ length: 10_050 }, (_, i) => [keyHash(`key-${i}`), { ...caller, keyId: `${i}` }]),
  );
  const one = identifier(many);
  for (const round of [1, 2]) {
    for (let i = 0; i < 10_050; i += 1) {
      const found = await one(`Bearer key-${i}`, undefined);
      if (found.kind !== 'known' || found.caller.keyId !== `${i}`) expect([round, i]).toBeNull();
    }
  }
});

test('what is remembered belongs to one configuration: a key taken out of the next one is unknown there', () => {
  expect(identify(`Bearer ${secret}`, undefined)).toEqual(known);
  expect(identifier(new Map())(`Bearer ${secret}`, undefined)).toEqual({
    kind: 'unknown',
    reason: 'unknown',
  });
});

const nobodys = () => null;
const token = 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln';
const ofToken = {
  kind: 'known',
  caller: { ...caller, keyId: 'jwt:corp:ada' },
  user: 'ada',
} as const;

test('a token is judged as one, with or without a promise, and never tried as a key', async () => {
  const asKey = new Map([[keyHash(token), caller]]);
  const seen: string[] = [];
  const one = identifier(asKey, nobodys, (text) => {
    seen.push(text);
    return Promise.resolve(ofToken);
  });
  expect(await one(`Bearer ${token}`, undefined)).toEqual(ofToken);
  expect(identifier(asKey, nobodys, () => ofToken)(`bearer  ${token} `, undefined)).toEqual(
    ofToken,
  );
  const refuses = identifier(asKey, nobodys, () => ({ kind: 'unknown', reason: 'expired' }));
  expect(refuses(`Bearer ${token}`, undefined)).toEqual({ kind: 'unknown', reason: 'expired' });
  expect(seen).toEqual([token]);
});

test('without issuers what looks like a token is a key like any other', () => {
  expect(identifier(new Map([[keyHash(token), caller]]))(`Bearer ${token}`, undefined)).toEqual(
    known,
  );
});

test('keys stay keys beside issuers, and are known at once; a token comes as Bearer only', () => {
  const one = identifier(new Map([[keyHash(secret), caller]]), nobodys, () => {
    throw new Error('no token was sent');
  });
  expect(one(`Bearer ${secret}`, undefined)).toEqual(known);
  expect(one(undefined, token)).toEqual({ kind: 'unknown', reason: 'unknown' });
  expect(one('Bearer eyJ.two', undefined)).toEqual({ kind: 'unknown', reason: 'unknown' });
  expect(one('Bearer eyJ.of.five.parts.x', undefined)).toEqual({
    kind: 'unknown',
    reason: 'unknown',
  });
});

test('a token and a key of ours in one request are nobody\u2019s; a key of somebody else beside it goes nowhere', () => {
  const one = identifier(new Map([[keyHash(secret), caller]]), nobodys, () => ofToken);
  expect(one(`Bearer ${token}`, secret)).toEqual({ kind: 'unknown', reason: 'malformed' });
  expect(one(`Bearer ${token}`, 'sk-of-a-provider')).toEqual(ofToken);
});

test('what a client sent as its key, to be taken out of texts, is its token too, and every key beside it', () => {
  expect(keysIn({ authorization: `Bearer ${token} `, 'x-api-key': secret })).toEqual([
    token,
    secret,
  ]);
  expect(keysIn({ authorization: token, 'x-api-key': ['a', ' '] })).toEqual([token, 'a']);
  expect(keysIn({})).toEqual([]);
});
