import { isMap, type Context } from '@tollgate/settings/context.ts';
import { hint } from '@tollgate/settings/nearest.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';
import type { Voter } from '../model/decision.ts';
import type { Policy } from '../policies/policy.ts';
import { PolicyEntry } from './schema.ts';

const readPolicy = (
  entry: unknown,
  i: number,
  policies: readonly Policy[],
  context: Context,
): Voter | null => {
  const { complaints, document } = context;
  const at = ['sampler', 'policies', i];
  const shape = shaped(PolicyEntry, entry, at, context);
  if (shape === null || !isMap(entry)) return null;
  const { name, type } = shape;
  const types = policies.map((policy) => policy.type);
  const policy = policies.find((one) => one.type === type);
  if (policy === undefined) {
    const place = [...at, 'type'];
    const was = found(type, place, document);
    complaints.add(place, `must be a policy's type, not ${was}${hint(type, types)}`);
    return null;
  }
  const known = ['name', 'type', type];
  for (const key of Object.keys(entry)) {
    if (!known.includes(key))
      complaints.add([...at, key], `unknown key '${key}'${hint(key, known)}`, 'key');
  }
  const place = [...at, type];
  const settings = shaped(policy.settings, entry[type] ?? {}, place, context);
  if (settings === null || complaints.under(place)) return null;
  const voter = policy.configure(name, settings);
  if (typeof voter !== 'string') return voter;
  complaints.add(place, voter);
  return null;
};

/** Every policy that can be read; complains about the rest. */
export const checkPolicies = (
  entries: readonly unknown[],
  policies: readonly Policy[],
  context: Context,
): readonly Voter[] => {
  const names = new Map<string, number>();
  return entries.flatMap((entry, i) => {
    const name = isMap(entry) ? entry['name'] : undefined;
    if (typeof name === 'string') {
      const first = names.get(name);
      if (first !== undefined)
        context.complaints.add(
          ['sampler', 'policies', i, 'name'],
          `the name is taken by policies[${first}]`,
        );
      names.set(name, first ?? i);
    }
    const voter = readPolicy(entry, i, policies, context);
    return voter === null ? [] : [voter];
  });
};
