import { expect, test } from 'vitest';
import type { Short } from '../../../../gateway/src/decide/budgets/budgets.ts';
import {
  accountText,
  amountText,
  refusalOf,
  scopeText,
  windowText,
} from '../../../../gateway/src/decide/budgets/say.ts';
import { budget } from './support.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const midnight = Date.parse('2026-12-01T00:00:00Z');
const dollar = 1_000_000_000_000n;
const team = budget({
  id: 'team-a',
  limit: 5n * dollar,
  scope: [{ dimension: 'team', value: 'a' }],
});
const short = (more: Partial<Short> = {}): Short => ({
  budget: team,
  account: '',
  used: 4n * dollar,
  reserved: dollar / 2n,
  remaining: dollar / 2n,
  needed: 2n * dollar,
  endsAtMs: midnight,
  freeAtMs: midnight,
  ...more,
});

test('a refusal names the budget, what is needed, what remains, what is reserved, and when it resets', () => {
  expect(refusalOf(short(), nowMs, 429)).toMatchObject({
    code: 'budget_exceeded',
    status: 429,
    origin: 'client',
    message:
      "Limit 'team-a' (team=a) of 5 dollars per day: this call needs up to 2, 0.5 remain, 4 are used, 0.5 are reserved by calls in flight. Resets at 2026-12-01T00:00:00Z.",
    retryAfterMs: 12 * 3_600_000,
    // Nobody waits twelve hours inside an SDK.
    headers: { 'x-should-retry': 'false' },
  });
  expect(refusalOf(short(), nowMs, 402).status).toBe(402);
});

test('what only calls in flight stand in the way of is worth asking again soon', () => {
  const soon = refusalOf(short({ used: 0n, reserved: 4n * dollar, remaining: dollar }), nowMs, 429);
  expect([soon.retryAfterMs, soon.headers]).toEqual([1000, {}]);
});

test('what is larger than the whole budget never fits', () => {
  const never = refusalOf(short({ needed: 6n * dollar, freeAtMs: null }), nowMs, 429);
  expect([never.retryAfterMs, never.headers]).toEqual([null, { 'x-should-retry': 'false' }]);
  expect(never.message).toContain('It never fits');
});

test('limits of a short time are rate limits, and keep their status', () => {
  const minute = budget({
    id: 'rpm',
    unit: 'requests',
    limit: 10n,
    window: { kind: 'rolling', lengthMs: 60_000 },
    scope: [{ dimension: 'user', value: '*' }],
  });
  const refusal = refusalOf(
    short({
      budget: minute,
      account: 'ada',
      used: 10n,
      reserved: 0n,
      remaining: 0n,
      needed: 1n,
      freeAtMs: nowMs + 1500,
    }),
    nowMs,
    402,
  );
  expect(refusal).toMatchObject({
    code: 'rate_limit_exceeded',
    status: 429,
    retryAfterMs: 1500,
    headers: {},
  });
  expect(refusal.message).toBe(
    "Limit 'rpm' (user=*; here ada) of 10 requests per 1m: this call needs up to 1, 0 remain, 10 are used, 0 are reserved by calls in flight. Resets at 2026-11-30T12:00:02Z.",
  );
});

test('calls at once come free when one ends', () => {
  const parallel = budget({ id: 'p', unit: 'parallel', limit: 2n, window: { kind: 'flight' } });
  const refusal = refusalOf(
    short({
      budget: parallel,
      used: 0n,
      reserved: 2n,
      remaining: 0n,
      needed: 1n,
      endsAtMs: null,
      freeAtMs: null,
    }),
    nowMs,
    429,
  );
  expect(refusal.message).toBe(
    "Limit 'p' of 2 calls at once: this call needs up to 1, 0 remain, 0 are used, 2 are reserved by calls in flight. It fits when calls in flight end, or with another limit.",
  );
  expect(refusal.retryAfterMs).toBe(1000);
});

test('windows, scopes, accounts and amounts in short', () => {
  expect(
    [
      { kind: 'calendar', period: 'month', timeZone: 'UTC' } as const,
      { kind: 'rolling', lengthMs: 60_000 } as const,
      { kind: 'rolling', lengthMs: 90_000 } as const,
      { kind: 'rolling', lengthMs: 7 * 86_400_000 } as const,
      { kind: 'rolling', lengthMs: 1500 } as const,
      { kind: 'life' } as const,
      { kind: 'flight' } as const,
    ].map(windowText),
  ).toEqual(['month', '1m', '90s', '7d', '1500ms', 'life', '']);
  const scope = [
    { dimension: 'team', value: 'a' },
    { dimension: 'user', value: '*' },
  ] as const;
  expect(scopeText(scope)).toBe('team=a, user=*');
  expect(accountText({ scope }, 'ada')).toBe('a/ada');
  expect(accountText({ scope: [] }, '')).toBe('');
  expect([amountText('usd', dollar / 4n), amountText('tokens', 12n)]).toEqual(['0.25', '12']);
});
