/** A row of the ledger, as budgets look at the call that it is of. */
import { columnsOf, tokenTypes, type CallColumn } from '../../contract/ledger.ts';
import type { Amounts, Subject } from '../../model/budget.ts';
import { isObject, type Json } from '../../model/json.ts';
import { picodollarsOf } from '../../model/money.ts';
import { millisecondsOf } from '../stored-call.ts';

export interface RowUse {
  readonly subject: Subject;
  readonly spent: Amounts;
  readonly startedAtMs: number;
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const textsIn = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];

const tagsOf = (value: Json | undefined): Readonly<Record<string, string>> =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, textOf(one)]))
    : {};

/** @param values of a row, as it is inserted; null: it spent nothing, or it is none of ours */
export const useOfRow = (values: readonly Json[]): RowUse | null => {
  const columns = columnsOf(values.length);
  if (columns === null) return null;
  const at = (column: CallColumn): Json | undefined => values[columns.indexOf(column)];
  const models = textsIn(at('attempts.model'));
  if (models.length === 0) return null;
  let tokens = 0;
  for (const type of tokenTypes) {
    const count = at(type);
    if (typeof count === 'number') tokens += count;
  }
  return {
    startedAtMs: millisecondsOf(at('started_at')),
    spent: {
      usd: picodollarsOf(textOf(at('cost_usd'))) ?? 0n,
      tokens: BigInt(tokens),
      requests: 1n,
      parallel: 0n,
    },
    subject: {
      organization: textOf(at('org')),
      team: textOf(at('caller_team')),
      application: textOf(at('caller_app')),
      key: textOf(at('caller_key_id')),
      namespace: textOf(at('namespace')),
      environment: textOf(at('environment')),
      costCenter: textOf(at('cost_center')),
      user: textOf(at('caller_user')),
      agent: textOf(at('agent')),
      session: textOf(at('session_id')),
      trace: textOf(at('trace_id')),
      tags: tagsOf(at('tags')),
      models: [textOf(at('model_requested')), ...models],
    },
  };
};
