/**
 * Which models have a label of their own in metrics? Under a pattern (`gpt-*`) a caller may invent names, and a hundred
 * of them would fold every real model into `other`. So only names that the configuration says, and those that a
 * provider has served or that cost something: money is shown under the name that the ledger has for it. Of these each
 * key may bring in so many.
 */
import { noMoney } from '../model/money.ts';
import type { Attempt, Settlement } from '../model/settlement.ts';

/** A value that stands for all that have no label of their own. */
const other = 'other';

/** Names by provider. */
export type ModelNames = ReadonlyMap<string, ReadonlySet<string>>;

export interface LabelCaps {
  /** Names that the configuration does not say, of all keys together. */
  readonly learned: number;
  readonly perKey: number;
}

interface Route {
  readonly name: string;
  readonly targets: readonly { readonly provider: string; readonly model: string | null }[];
}

/** The models that routes name exactly. */
export const namedModels = (routes: readonly Route[]): ModelNames => {
  const names = new Map<string, Set<string>>();
  for (const { name, targets } of routes) {
    for (const { provider, model } of targets) {
      const exact = model ?? name;
      if (exact.endsWith('*')) continue;
      const known = names.get(provider);
      if (known === undefined) names.set(provider, new Set([exact]));
      else known.add(exact);
    }
  }
  return names;
};

/**
 * Nothing learned yet. The returned function answers the settlement as metrics may show it: the same one, unless a
 * model of it has no label.
 * @param onCap told each time that a name would have had a label but for the caps
 */
export const modelLabels = (
  named: () => ModelNames,
  caps: () => LabelCaps,
  onCap: () => void,
): ((settlement: Settlement) => Settlement) => {
  const learned = new Map<string, Set<string>>();
  const byKey = new Map<string, number>();
  let count = 0;

  const learn = (provider: string, model: string, keyId: string): boolean => {
    const { learned: most, perKey } = caps();
    const ofKey = byKey.get(keyId) ?? 0;
    if (count >= most || ofKey >= perKey) {
      onCap();
      return false;
    }
    count += 1;
    byKey.set(keyId, ofKey + 1);
    const known = learned.get(provider);
    if (known === undefined) learned.set(provider, new Set([model]));
    else known.add(model);
    return true;
  };
  const hasLabel = ({ target, status, charge }: Attempt, keyId: string): boolean => {
    const { provider, model } = target;
    const served = (status >= 200 && status < 300) || charge.total !== noMoney;
    if (named().get(provider)?.has(model) === true) return true;
    if (learned.get(provider)?.has(model) === true) return true;
    return served && learn(provider, model, keyId);
  };

  return (settlement) => {
    if (settlement.attempts.length === 0) return settlement;
    const keyId = settlement.call.caller?.keyId ?? '';
    const shown = settlement.attempts.map((attempt) =>
      hasLabel(attempt, keyId)
        ? attempt
        : { ...attempt, target: { ...attempt.target, model: other } },
    );
    return shown.every((attempt, i) => attempt === settlement.attempts[i])
      ? settlement
      : { ...settlement, attempts: shown };
  };
};
