import { isMap } from '@tollgate/settings/context.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';
import type { Issuer } from '../model/issuer.ts';
import { checkWanted } from './check-models.ts';
import type { ModelConfig } from './config.ts';
import type { Context } from './context.ts';
import { issuerOf } from './issuer-of.ts';
import { Issuer as Fields } from './schema-issuers.ts';

/** Every issuer that can be read; complains about the rest. */
export const checkIssuers = (
  value: unknown,
  models: readonly ModelConfig[],
  context: Context,
): readonly Issuer[] => {
  const { complaints, document } = context;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    const was = found(value, ['issuers'], document);
    complaints.add(['issuers'], `must be a list of issuers, not ${was}`);
    return [];
  }
  const taken = { name: new Map<string, number>(), issuer: new Map<string, number>() };
  return value.flatMap((entry: unknown, i): readonly Issuer[] => {
    const at = ['issuers', i];
    // Before its shape is judged, so that an entry with another mistake is still compared.
    for (const field of ['name', 'issuer'] as const) {
      const text = isMap(entry) ? entry[field] : undefined;
      if (typeof text !== 'string') continue;
      const first = taken[field].get(text);
      if (first !== undefined)
        complaints.add([...at, field], `the ${field} is taken by issuers[${first}]`);
      taken[field].set(text, first ?? i);
    }
    const fields = shaped(Fields, entry, at, context);
    if (fields === null) return [];
    checkWanted(fields.models ?? [], [...at, 'models'], models, context);
    if (complaints.under(at)) return [];
    const read = issuerOf(fields);
    if (read.kind === 'ok') return [read.value];
    const { field, message } = read.misfit;
    complaints.add([...at, field], message, message.includes('exclude') ? 'key' : undefined);
    return [];
  });
};
