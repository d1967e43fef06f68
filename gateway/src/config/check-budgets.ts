import { isMap } from '@tollgate/settings/context.ts';
import { pointer, type Path } from '@tollgate/settings/document.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';
import type { Budget } from '../model/budget.ts';
import { budgetOf } from './budget-of.ts';
import type { Context } from './context.ts';
import { Budget as Fields } from './schema-budgets.ts';

/** YAML reads `0.15` as a float; a limit is the text that was written. */
const withWrittenLimit = (entry: unknown, at: Path, { document }: Context): unknown =>
  isMap(entry) && typeof entry['limit'] === 'number'
    ? {
        ...entry,
        limit: document.numbers.get(pointer([...at, 'limit'])) ?? String(entry['limit']),
      }
    : entry;

/** Every budget that can be read; complains about the rest. */
export const checkBudgets = (value: unknown, context: Context): readonly Budget[] => {
  const { complaints, document } = context;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    const was = found(value, ['budgets'], document);
    complaints.add(['budgets'], `must be a list of budgets, not ${was}`);
    return [];
  }
  const ids = new Map<string, number>();
  return value.flatMap((entry: unknown, i): readonly Budget[] => {
    const at = ['budgets', i];
    // Before its shape is judged, so that a budget with another mistake still has its id compared.
    const id = isMap(entry) ? entry['id'] : undefined;
    if (typeof id === 'string') {
      const first = ids.get(id);
      if (first !== undefined)
        complaints.add([...at, 'id'], `the id is taken by budgets[${first}]`);
      ids.set(id, first ?? i);
    }
    const fields = shaped(Fields, withWrittenLimit(entry, at, context), at, context);
    if (fields === null || complaints.under(at)) return [];
    const read = budgetOf(fields);
    if (read.kind === 'ok') return [read.value];
    const { field, message } = read.misfit;
    const isMissing = message.includes('is missing');
    complaints.add([...at, ...field.split('.')], message, isMissing ? 'key' : undefined);
    return [];
  });
};
