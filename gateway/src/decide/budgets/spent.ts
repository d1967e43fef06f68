/** What a call has taken of each unit: what its row says. */
import type { Amounts } from '../../model/budget.ts';
import { costOfAttempts, type Attempt } from '../../model/settlement.ts';
import { inputTokens, outputTokens } from '../../model/usage.ts';

/** Of these attempts; a call that none was made for takes nothing. */
export const spentBy = (attempts: readonly Attempt[]): Amounts => {
  let tokens = 0;
  for (const { usage } of attempts)
    tokens += inputTokens(usage.tokens) + outputTokens(usage.tokens);
  return {
    usd: costOfAttempts(attempts),
    tokens: BigInt(tokens),
    requests: attempts.length > 0 ? 1n : 0n,
    parallel: 0n,
  };
};

/** What a call holds that goes on: what it has spent and what its next attempt may come to. */
export const together = (spent: Amounts, next: Amounts): Amounts => ({
  usd: spent.usd + next.usd,
  tokens: spent.tokens + next.tokens,
  requests: next.requests,
  parallel: next.parallel,
});
