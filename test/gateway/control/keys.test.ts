import { expect, test } from 'vitest';
import {
  callerOf,
  limitsOf,
  newKey,
  patchedKey,
  rotatedKey,
  shownKey,
} from '../../../gateway/src/control/keys.ts';
import type { KeyRecord } from '../../../gateway/src/control/records.ts';
import type { Read } from '../../../gateway/src/control/request.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const fresh = { id: 'key_1', hash: 'h1', prefix: 'tg-abcde', nowMs };
const good = <T>(read: Read<T>): T => {
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  return read.value;
};
const key = good(newKey({ name: 'one', team: 'a', limits: { parallelCalls: 2 } }, fresh));

test('a new key is what was said, and the rest is nothing', () => {
  expect(key).toEqual({
    kind: 'key',
    id: 'key_1',
    name: 'one',
    organization: '',
    team: 'a',
    application: '',
    namespace: '',
    environment: '',
    costCenter: '',
    models: null,
    limits: { parallelCalls: 2 },
    metadata: {},
    expiresAtMs: null,
    prefix: 'tg-abcde',
    hashes: [{ hash: 'h1', untilMs: null }],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  } satisfies KeyRecord);
});

test('a patch changes what it names; null takes an end or a list of models away', () => {
  const later = nowMs + 5000;
  const ends = good(
    patchedKey(key, { expiresAt: '2027-01-01T00:00:00+01:00', models: ['m'] }, later),
  );
  expect(ends).toEqual({
    ...key,
    expiresAtMs: Date.parse('2026-12-31T23:00:00Z'),
    models: ['m'],
    updatedAtMs: later,
  });
  expect(good(patchedKey(ends, { expiresAt: null, models: null }, later))).toEqual({
    ...key,
    updatedAtMs: later,
  });
  expect(patchedKey(key, {}, later).kind).toBe('bad');
});

test('after a rotation older secrets hold for the grace period, and none longer than it did', () => {
  const once = good(rotatedKey(key, { graceSeconds: 100 }, { ...fresh, hash: 'h2' }));
  expect(once.hashes).toEqual([
    { hash: 'h2', untilMs: null },
    { hash: 'h1', untilMs: nowMs + 100_000 },
  ]);
  const twice = good(
    rotatedKey(once, { graceSeconds: 500 }, { ...fresh, hash: 'h3', nowMs: nowMs + 50_000 }),
  );
  expect(twice.hashes).toEqual([
    { hash: 'h3', untilMs: null },
    { hash: 'h2', untilMs: nowMs + 550_000 },
    { hash: 'h1', untilMs: nowMs + 100_000 },
  ]);
  expect(good(rotatedKey(twice, {}, { ...fresh, hash: 'h4' })).hashes).toEqual([
    { hash: 'h4', untilMs: null },
  ]);
  expect(rotatedKey(key, { graceSeconds: -1 }, fresh).kind).toBe('bad');
});

test('a key is shown without its hashes', () => {
  const shown = shownKey(key);
  expect(JSON.stringify(shown)).not.toContain('h1');
  expect(shown).toMatchObject({
    id: 'key_1',
    source: 'api',
    expiresAt: null,
    createdAt: '2026-11-30T12:00:00Z',
  });
});

test('to the data plane a key is a caller and its limits are budgets', () => {
  expect(callerOf(key)).toMatchObject({ keyId: 'key_1', team: 'a', models: null });
  expect(limitsOf(key)).toMatchObject([{ id: 'key.key_1.parallel', unit: 'parallel', limit: 2n }]);
});
