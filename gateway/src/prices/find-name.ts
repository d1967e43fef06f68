/** Which entry of a price list a model's name means. */
import { fit } from './match.ts';
import type { Model } from './sheet.ts';

const compactDate = /-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;

/** A name with its date written as lists write it: `-20250805` as `-2025-08-05`. */
const withDashedDate = (name: string): string => name.replace(compactDate, '-$1-$2-$3');

/** `ft:gpt-4o-mini-2024-07-18:acme::abc`, a model that was trained on, under the name that lists have: without whose it is. */
const fineTuned = (name: string): string => /^ft:[^:]+/.exec(name)?.[0] ?? name;

/** The entry that a name fits. */
export interface Found {
  readonly model: Model;
  /** In full, and not only by a part of it. */
  readonly isWhole: boolean;
  /** Of the lists that were looked into, which one it is in. */
  readonly list: number;
  /** The name as it was looked up: perhaps with its date in dashes, or without whose fine-tuning it is. */
  readonly name: string;
}

const fitting = (lists: readonly (readonly Model[])[], name: string): Found | null => {
  for (const [list, models] of lists.entries())
    for (const how of ['exact', 'loose'] as const) {
      const model = models.find(({ match }) => fit(match, name) === how);
      if (model !== undefined) return { model, isWhole: how === 'exact', list, name };
    }
  return null;
};

/** Looks a model's name up, as it is written and then as lists write it; of several lists the first that knows it counts. */
export const foundIn = (lists: readonly (readonly Model[])[], model: string): Found | null => {
  const name = model.toLowerCase().trim();
  return (
    fitting(lists, name) ?? fitting(lists, withDashedDate(name)) ?? fitting(lists, fineTuned(name))
  );
};
