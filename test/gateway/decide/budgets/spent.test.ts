import { expect, test } from 'vitest';
import { spentBy, together } from '../../../../gateway/src/decide/budgets/spent.ts';
import { toPicodollars } from '../../../../gateway/src/model/money.ts';
import type { Attempt } from '../../../../gateway/src/model/settlement.ts';
import { noTokens } from '../../../../gateway/src/model/usage.ts';
import { someAttempt } from '../../model/settlements.ts';
import { amounts, nothing } from './support.ts';

const attempt = (usd: bigint, input: number, output: number): Attempt => ({
  ...someAttempt,
  usage: {
    ...someAttempt.usage,
    tokens: { ...noTokens, input_uncached: input, input_cache_read: 1, output_reasoning: output },
  },
  charge: { ...someAttempt.charge, total: toPicodollars(usd) },
});

test('a call has spent what all its attempts have, wasted ones too, and is one request', () => {
  expect(spentBy([attempt(5n, 10, 3), attempt(7n, 20, 4)])).toEqual(
    amounts({ usd: 12n, tokens: 39n, requests: 1n }),
  );
});

test('a call without an attempt has spent nothing', () => {
  expect(spentBy([])).toEqual(nothing);
});

test('what goes on holds what it spent and what may come, as one request', () => {
  const spent = amounts({ usd: 12n, tokens: 39n, requests: 1n });
  const next = amounts({ usd: 5n, tokens: 6n, requests: 1n, parallel: 1n });
  expect(together(spent, next)).toEqual(
    amounts({ usd: 17n, tokens: 45n, requests: 1n, parallel: 1n }),
  );
});
