/** What other prices would change, for people and for programs. */
import type { Change, PriceChanges } from '../../decide/price-changes.ts';
import { usdText } from '../../model/money.ts';
import { listed } from '../say.ts';

/** Groups written one by one; more are counted. */
const mostShown = 40;

const signed = (amount: bigint): string => `${amount > 0n ? '+' : ''}${usdText(amount)}`;

const changeText = ({ costBefore, costAfter, listBefore, listAfter }: Change): string =>
  `${usdText(costBefore)} -> ${usdText(costAfter)} (${signed(costAfter - costBefore)}), list ${usdText(listBefore)} -> ${usdText(listAfter)} (${signed(listAfter - listBefore)})`;

const isDifferent = (one: Change): boolean =>
  one.costBefore !== one.costAfter || one.listBefore !== one.listAfter;

const keptWords = {
  reported: 'the cost that the provider stated',
  units_of_several: 'several attempts used things by the piece, and the row has them together',
  other_models: 'other models were used on the way, whose tokens the row does not have',
  no_price: 'something of them has no price there',
} as const satisfies Record<keyof PriceChanges['kept'], string>;

/** A line for each team, provider and model whose money differs, then all together. */
export const changesText = ({
  calls,
  changedCalls,
  nowPriced,
  kept,
  total,
  groups,
}: PriceChanges): string => {
  const different = groups.filter(isDifferent);
  let reason: keyof typeof keptWords;
  const reasons: string[] = [];
  for (reason in keptWords)
    if (kept[reason] !== undefined)
      reasons.push(`  ${kept[reason]} attempts keep their cost: ${keptWords[reason]}`);
  return [
    ...listed(
      different,
      (one) => `  ${one.team} ${one.provider}/${one.model}: ${changeText(one)}`,
      { and: '  and', most: mostShown },
    ),
    ...reasons,
    ...(nowPriced > 0 ? [`  ${nowPriced} attempts that had no whole price have one now`] : []),
    `total in US dollars: ${changeText(total)}; ${changedCalls} of ${calls} calls`,
  ].join('\n');
};

const plain = (one: Change) => ({
  attempts: one.attempts,
  costBefore: usdText(one.costBefore),
  costAfter: usdText(one.costAfter),
  listBefore: usdText(one.listBefore),
  listAfter: usdText(one.listAfter),
});

/** The same, money as text. */
export const changesJson = ({ total, groups, ...counts }: PriceChanges) => ({
  ...counts,
  total: plain(total),
  groups: groups.map(({ team, provider, model, ...change }) => ({
    team,
    provider,
    model,
    ...plain(change),
  })),
});
