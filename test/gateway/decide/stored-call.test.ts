import { expect, test } from 'vitest';
import { callColumns } from '../../../gateway/src/contract/ledger.ts';
import { tokenTypes } from '../../../gateway/src/contract/ledger.ts';
import { storedCall } from '../../../gateway/src/decide/stored-call.ts';
import type { Json, JsonObject } from '../../../gateway/src/model/json.ts';
import { rowJson, someSettlement } from '../model/settlements.ts';

const values: readonly Json[] = JSON.parse(rowJson(someSettlement, 'r', 1));
const row: JsonObject = Object.fromEntries(callColumns.map((name, i) => [name, values[i]]));

test('a row says what the settlement said that it was made of', () => {
  const [attempt] = someSettlement.attempts;
  const { startedAtMs, attempts, cacheSaved } = storedCall(row, null);
  expect(startedAtMs).toBe(someSettlement.call.startedAtMs);
  expect(cacheSaved).toBe(attempt?.charge.cacheSaved);
  expect(attempts).toHaveLength(1);
  expect(attempts[0]).toMatchObject({
    provider: 'openai',
    model: 'gpt-4o-mini',
    answered: 'gpt-4o-mini-2024-07-18',
    dimensions: { service_tier: 'default' },
    tokens: attempt?.usage.tokens,
    costs: attempt?.charge.costs,
    discount: 0n,
    priceStatus: 'priced',
  });
});

test('corrections are added', () => {
  const sums = Object.fromEntries([
    ...tokenTypes.map((type) => [`attempts.cost_${type}`, ['-0.000000000001']]),
    ['attempts.cost_other', ['0.5']],
    ['attempts.discount_usd', ['0.25']],
    ['unit_costs', { web_searches: '0.5' }],
    ['prompt_cache_saved_usd', '-1'],
  ]);
  const [before, after] = [storedCall(row, null), storedCall(row, sums)];
  expect(after.attempts[0]?.costs.output_text).toBe(
    (before.attempts[0]?.costs.output_text ?? 0n) - 1n,
  );
  expect(after.attempts[0]).toMatchObject({
    discount: 250_000_000_000n,
    costs: { other: 500_000_000_000n },
  });
  expect(after.unitCosts).toEqual({ web_searches: 500_000_000_000n });
  expect(after.cacheSaved - before.cacheSaved).toBe(-1_000_000_000_000n);
});

test.each([
  ['prompt_cache_saved_usd', 'much', 'where dollars belong'],
  ['started_at', 'yesterday', 'where a time belongs'],
  ['attempts.price_status', ['odd'], 'does not know'],
])('a %s that no version wrote is not guessed at', (column, value, words) => {
  expect(() => storedCall({ ...row, [column]: value }, null)).toThrow(words);
});
