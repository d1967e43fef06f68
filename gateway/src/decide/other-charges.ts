/** Charges that are not of a call's own tokens: what a provider says it cost, and other models that it used on the way. */
import { noMoney, plus, toPicodollars } from '../model/money.ts';
import type { Charge } from '../model/settlement.ts';
import { inputTokens, noUsage, outputTokens, type Usage } from '../model/usage.ts';
import { charge, type Price } from './price.ts';

/** What a provider says the call cost. No token of it has a price of its own. */
export const reportedCharge = (usage: Usage, picodollars: number): Charge => {
  const total = toPicodollars(BigInt(picodollars));
  return {
    costs: { other: total },
    total,
    list: total,
    cacheSaved: noMoney,
    unitCosts: { reported: total },
    otherUnits: Object.values(usage.units).reduce((sum, quantity) => sum + quantity, 0),
    priceId: 'reported',
    priceStatus: 'provider_reported',
  };
};

const allTokens = (tokens: Usage['tokens']): number => inputTokens(tokens) + outputTokens(tokens);

/** A charge and what other models cost on the way, each at its own price. */
export const chargeOfOthers = (
  made: Charge,
  { others = [] }: Usage,
  priceOf: (model: string) => Price | null,
): Charge =>
  others.reduce((sum: Charge, { model, tokens }) => {
    const other = charge({ ...noUsage, tokens }, priceOf(model), {});
    return {
      ...sum,
      costs: { ...sum.costs, other: plus(sum.costs.other ?? noMoney, other.total) },
      total: plus(sum.total, other.total),
      list: plus(sum.list, other.list),
      unitCosts: {
        ...sum.unitCosts,
        other_models: plus(sum.unitCosts['other_models'] ?? noMoney, other.total),
      },
      otherUnits: sum.otherUnits + allTokens(tokens),
      priceStatus: ['priced', 'free', 'none'].includes(other.priceStatus)
        ? sum.priceStatus
        : 'partly_unpriced',
    };
  }, made);
