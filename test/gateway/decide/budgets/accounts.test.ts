import { expect, test } from 'vitest';
import { Accounts } from '../../../../gateway/src/decide/budgets/accounts.ts';
import { budget, subject } from './support.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const perUser = budget({ scope: [{ dimension: 'user', value: '*' }] });

test('an account is opened by its first call and found again', () => {
  const accounts = new Accounts([perUser], 100);
  const [first] = accounts.of(subject({ user: 'ada' }), nowMs);
  expect(first?.name).toBe('ada');
  expect(accounts.of(subject({ user: 'ada' }), nowMs)).toEqual([first]);
  expect([...accounts.all()]).toEqual([first]);
});

test('a budget written down in another order is the same budget', () => {
  const [a, b] = [
    { dimension: 'team', value: 'a' },
    { dimension: 'user', value: 'u' },
  ] as const;
  const accounts = new Accounts([budget({ scope: [a, b] })], 100);
  const who = subject({ team: 'a', user: 'u' });
  const [before] = accounts.of(who, nowMs);
  accounts.adopt([budget({ scope: [b, a], limit: 7n })]);
  const [after] = accounts.of(who, nowMs);
  expect(after).toBe(before);
  expect(after?.entry.budget.limit).toBe(7n);
});

test('an account of a budget that is gone is not found', () => {
  const accounts = new Accounts([perUser], 100);
  const [holder] = accounts.of(subject({ user: 'ada' }), nowMs);
  const identity = holder?.entry.identity ?? '';
  expect(accounts.find(identity, 'eve')?.name).toBe('eve');
  accounts.adopt([]);
  expect(accounts.find(identity, 'ada')).toBeNull();
});

test('the budgets of a call are those that it falls under', () => {
  const accounts = new Accounts([perUser, budget({ id: 'all' })], 100);
  expect(accounts.budgetsOf(subject()).map(({ id }) => id)).toEqual(['all']);
});
