import { expect, test } from 'vitest';
import { newBudget } from '../../../gateway/src/control/budgets.ts';
import { Directory } from '../../../gateway/src/control/directory.ts';
import { newKey, rotatedKey } from '../../../gateway/src/control/keys.ts';
import type { ControlRecord } from '../../../gateway/src/control/records.ts';
import type { Read } from '../../../gateway/src/control/request.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const fresh = { id: 'key_1', hash: 'h1', prefix: 'tg-abcde', nowMs };
const good = <T>(read: Read<T>): T => {
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  return read.value;
};
const key = good(
  newKey({ team: 'a', limits: { parallelCalls: 2 }, expiresAt: '2026-12-01T00:00:00Z' }, fresh),
);
const budget = good(newBudget({ unit: 'usd', limit: 1, window: 'day' }, { id: 'b1', nowMs }));
const there = (record: ControlRecord) => ({ kind: 'there', record }) as const;

test('a secret is found by its hash, until its key expires', () => {
  const directory = new Directory();
  directory.apply([there(key)]);
  expect(directory.find('h1')).toMatchObject({
    caller: { keyId: 'key_1', team: 'a' },
    untilMs: key.expiresAtMs,
  });
  expect(directory.find('h2')).toBeNull();
});

test('after a rotation both secrets are found, the older one for its time; after the next one only what is left', () => {
  const directory = new Directory();
  const rotated = good(rotatedKey(key, { graceSeconds: 60 }, { ...fresh, hash: 'h2' }));
  directory.apply([there(key), there(rotated)]);
  expect(directory.find('h1')?.untilMs).toBe(nowMs + 60_000);
  expect(directory.find('h2')?.untilMs).toBe(key.expiresAtMs);
  directory.apply([there(good(rotatedKey(rotated, {}, { ...fresh, hash: 'h3' })))]);
  expect([directory.find('h1'), directory.find('h2')]).toEqual([null, null]);
});

test('what is gone is gone, with its secrets and limits', () => {
  const directory = new Directory();
  directory.apply([there(key), there(budget)]);
  expect(directory.inForce().map(({ id }) => id)).toEqual(['b1', 'key.key_1.parallel']);
  directory.apply([
    { kind: 'gone', of: 'key', id: 'key_1' },
    { kind: 'gone', of: 'budget', id: 'b1' },
  ]);
  expect([
    directory.inForce(),
    directory.keys(),
    directory.budgets(),
    directory.find('h1'),
  ]).toEqual([[], [], [], null]);
  expect([directory.key('key_1'), directory.budget('b1')]).toEqual([null, null]);
});
