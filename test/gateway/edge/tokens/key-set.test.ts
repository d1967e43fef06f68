/** The keys of an issuer over real sockets: had, kept, renewed, and what an issuer may do that is none of ours. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { KeySet } from '../../../../gateway/src/edge/tokens/key-set.ts';
import { NoKeys, readKeys, type KeySource } from '../../../../gateway/src/edge/tokens/read-keys.ts';
import { makeKey, startIssuer, type FakeIssuer, type SigningKey } from '../../../fakes/issuer.ts';
import { eventually } from '../../../fakes/journal.ts';

let first: SigningKey;
let second: SigningKey;
beforeAll(async () => {
  [first, second] = [await makeKey('1'), await makeKey('2')];
});
let issuer: FakeIssuer;
let sets: KeySet[];
let news: string[];
let nowMs: number;
/** What is to run later. */
let planned: { readonly run: () => void; readonly afterMs: number }[];
beforeEach(async () => {
  issuer = await startIssuer();
  issuer.holds(first.jwk);
  [sets, news, nowMs, planned] = [[], [], 0, []];
});
afterEach(async () => {
  for (const set of sets) set.close();
  await issuer.close();
});

const discovery = (): KeySource => ({
  name: 'corp',
  issuer: issuer.url,
  keysFrom: { kind: 'discovery' },
});
const byUrl = (): KeySource => ({
  ...discovery(),
  keysFrom: { kind: 'url', url: `${issuer.url}/jwks` },
});

const start = (source: KeySource): KeySet => {
  const set = new KeySet(source, {
    read: readKeys,
    nowMs: () => nowMs,
    later(run, afterMs) {
      const plan = { run, afterMs };
      planned.push(plan);
      return () => void (planned = planned.filter((one) => one !== plan));
    },
    onRefreshed: (result) => news.push(result),
    onFailed: ({ message }) => news.push(`failed: ${message}`),
  });
  sets.push(set);
  return set;
};
const heard = (count: number) => eventually(() => news.length >= count, `${count} news`);

test('keys are had in the background from where discovery says, and their age is known', async () => {
  const set = start(discovery());
  expect([set.current(), set.ageSeconds()]).toEqual([null, null]);
  await heard(1);
  expect(news).toEqual(['changed']);
  expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  expect(set.current()).not.toBeNull();
  nowMs = 90_000;
  expect(set.ageSeconds()).toBe(90);
});

test('many tokens with an unknown key ask once, and again only after half a minute', async () => {
  const set = start(byUrl());
  await heard(1);
  await Promise.all(Array.from({ length: 50 }, () => set.renewed()));
  expect(issuer.asked).toHaveLength(2);
  nowMs = 29_999;
  await set.renewed();
  expect(issuer.asked).toHaveLength(2);
  nowMs = 30_000;
  await set.renewed();
  expect(issuer.asked).toHaveLength(3);
});

test('a key set that says the same is the same, another one is another', async () => {
  const set = start(byUrl());
  const before = await set.renewed();
  nowMs += 30_000;
  expect(await set.renewed()).toBe(before);
  issuer.holds(second.jwk);
  nowMs += 30_000;
  expect(await set.renewed()).not.toBe(before);
  expect(news).toEqual(['changed', 'unchanged', 'changed']);
});

test('keys outlive their issuer, for as long as one likes', async () => {
  const set = start(byUrl());
  await heard(1);
  const keys = set.current();
  await issuer.close();
  for (let hours = 1; hours <= 48; hours += 1) {
    nowMs = hours * 3_600_000;
    expect(await set.renewed()).toBe(keys);
  }
  expect(set.ageSeconds()).toBe(48 * 3600);
  expect(news.slice(1)).toEqual(
    Array.from({ length: 48 }, () => 'failed: the keys could not be read (ECONNREFUSED)'),
  );
});

test('an issuer that was away at the start is asked again by the first token a second later', async () => {
  issuer.answer((response) => void response.writeHead(503).end());
  const set = start(byUrl());
  // Together with the question of the start; then one of its own; then none.
  for (const asked of [1, 2, 2]) {
    expect(await set.renewed()).toBeNull();
    expect(issuer.asked).toHaveLength(asked);
  }
  issuer.answer(null);
  expect(await set.renewed()).toBeNull();
  nowMs = 1000;
  expect(await set.renewed()).not.toBeNull();
});

const plan = async (): Promise<{ readonly run: () => void; readonly afterMs: number }> => {
  await eventually(() => planned.length > 0, 'a question is planned');
  const [one, ...more] = planned;
  if (one === undefined || more.length > 0) throw new Error('more than one is planned');
  return one;
};

test('the issuer is asked every ten minutes, so that a key it has taken out stops; after a failure in half a minute', async () => {
  const set = start(byUrl());
  const first = await plan();
  expect(first.afterMs).toBe(600_000);
  const before = set.current();
  issuer.holds(second.jwk);
  first.run();
  await heard(2);
  expect(set.current()).not.toBe(before);
  await set.renewed();
  issuer.answer((response) => void response.writeHead(503).end());
  (await plan()).run();
  await heard(4);
  expect((await plan()).afterMs).toBe(30_000);
  expect(issuer.asked).toHaveLength(4);
});

test('a token that asks takes the place of the next question, it does not add one', async () => {
  const set = start(byUrl());
  await plan();
  for (let i = 0; i < 5; i += 1) {
    await set.renewed();
    nowMs += 30_000;
  }
  await plan();
});

test('after it was closed a key set asks nobody, nor plans to', async () => {
  const set = start(byUrl());
  await plan();
  set.close();
  expect(planned).toEqual([]);
  const closedAtOnce = start(byUrl());
  closedAtOnce.close();
  await heard(2);
  await new Promise(setImmediate);
  expect(planned).toEqual([]);
});

const big = 'x'.repeat(10 * 1024 * 1024);
// oxfmt-ignore
test.each<[string, (response: ServerResponse) => void, RegExp]>([
  ['10 MB', (response) => void response.end(JSON.stringify({ keys: [], big })), /more than 1048576 bytes/],
  ['a redirect to somewhere else', (response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(), /status 302/],
  ['an error', (response) => void response.writeHead(500).end('{"keys":[]}'), /status 500/],
  ['a page', (response) => void response.end('<html>'), /no JSON object|something else/],
  ['a list', (response) => void response.end('[]'), /no JSON object|something else/],
  ['no keys', (response) => void response.end('{}'), /no key set/],
  ['keys that are none', (response) => void response.end('{"keys":"a"}'), /no key set/],
  ['too many keys', (response) => void response.end(JSON.stringify({ keys: Array.from({ length: 201 }, () => ({ kty: 'EC' })) })), /more than 200 keys/],
  ['a connection that dies', (response) => void response.socket?.destroy(), /could not be read/],
])('an answer of %s leaves the keys that are there', async (_what, how, said) => {
  const set = start(byUrl());
  await heard(1);
  const keys = set.current();
  issuer.answer(how);
  expect(await set.renewed()).toBe(keys);
  expect(news.at(-1)).toMatch(said);
});

test('an issuer that accepts and says nothing is given up, and holds up nobody who has a known key', async () => {
  const set = start(byUrl());
  await heard(1);
  const keys = set.current();
  issuer.answer(() => {});
  const renewing = set.renewed();
  expect(set.current()).toBe(keys);
  expect(await renewing).toBe(keys);
  expect(news.at(-1)).toMatch(/TimeoutError|could not be read/);
});

// oxfmt-ignore
test.each([
  ['about another issuer', { issuer: 'https://other.example', jwks_uri: 'https://other.example/jwks' }, /another issuer/],
  ['that leads to plain http', { jwks_uri: 'http://keys.example.org/jwks' }, /no jwks_uri/],
  ['that leads to a file', { jwks_uri: 'file:///etc/passwd' }, /no jwks_uri/],
  ['that leads nowhere', {}, /no jwks_uri/],
])('discovery %s is not followed', async (_what, said, why) => {
  issuer.answer((response, path) =>
    void response.end(path === '/jwks' ? '{"keys":[]}' : JSON.stringify({ issuer: issuer.url, ...said })),
  );
  await expect(readKeys(discovery())).rejects.toThrow(why);
});

test('keys come from a file too, which may change, be too large or be gone', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-keys-'));
  const file = path.join(dir, 'jwks.json');
  const source: KeySource = { ...discovery(), keysFrom: { kind: 'file', path: file } };
  writeFileSync(file, JSON.stringify({ keys: [first.jwk] }));
  const set = start(source);
  const before = await set.renewed();
  expect(before).not.toBeNull();
  writeFileSync(file, JSON.stringify({ keys: [second.jwk] }));
  nowMs += 30_000;
  expect(await set.renewed()).not.toBe(before);
  writeFileSync(file, big);
  await expect(readKeys(source)).rejects.toThrow(NoKeys);
  rmSync(dir, { recursive: true });
  await expect(readKeys(source)).rejects.toThrow(/ENOENT/);
});
