import type { ModelConfig, ProviderConfig } from './config.ts';
import { isMap } from '@tollgate/settings/context.ts';
import type { Context } from './context.ts';
import type { Path } from '@tollgate/settings/document.ts';
import { hint } from '@tollgate/settings/nearest.ts';
import { modelPattern, modelTitle } from './model-names.ts';
import { Route, Target } from './schema.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';

const twice = 'the same target stands here twice; to try one again, see retry.triesPerTarget';

type ModelTarget = ModelConfig['targets'][number];

/** Whether some model's name fits both of two names or patterns. */
export const overlap = (a: string, b: string): boolean => {
  const [p, q] = [a.replace(/\*$/, ''), b.replace(/\*$/, '')];
  if (a.endsWith('*') && b.endsWith('*')) return p.startsWith(q) || q.startsWith(p);
  if (a.endsWith('*')) return b.startsWith(p);
  return b.endsWith('*') ? a.startsWith(q) : a === b;
};

/** Complains about models that somebody may use and that no model of the configuration fits. */
export const checkWanted = (
  wanted: readonly string[],
  at: Path,
  models: readonly ModelConfig[],
  { complaints, document }: Context,
): void => {
  // Models that could not be read would make others look wrong.
  if (complaints.under(['models']) || complaints.under(['providers'])) return;
  for (const [i, one] of wanted.entries()) {
    if (models.some(({ name }) => overlap(name, one))) continue;
    const place = [...at, i];
    const names = models.map(({ name }) => name);
    const was = found(one, place, document);
    complaints.add(place, `no model of this configuration fits ${was}${hint(one, names)}`);
  }
};

/** `names` null: the providers could not all be read, so a missing one is not the target's fault. */
const readTarget = (
  value: unknown,
  at: Path,
  names: readonly string[],
  context: Context,
): ModelTarget | null => {
  const target =
    typeof value === 'string' ? { provider: value } : shaped(Target, value, at, context);
  if (target === null) return null;
  if (!names.includes(target.provider)) {
    const where = typeof value === 'string' ? at : [...at, 'provider'];
    const was = found(target.provider, where, context.document);
    const near = hint(target.provider, names);
    context.complaints.add(where, `must be the name of a provider above, not ${was}${near}`);
    return null;
  }
  return { provider: target.provider, model: target.model ?? null };
};

const readTargets = (
  value: unknown,
  at: Path,
  names: readonly string[],
  context: Context,
): readonly ModelTarget[] => {
  if (typeof value === 'string') {
    const target = readTarget(value, at, names, context);
    return target === null ? [] : [target];
  }
  if (!isMap(value)) {
    context.complaints.add(
      at,
      `must be a provider's name or { targets: [...] }, not ${found(value, at, context.document)}`,
    );
    return [];
  }
  const route = shaped(Route, value, at, context);
  const targets = (route?.targets ?? []).map((target, i) => ({
    at: [...at, 'targets', i],
    target: readTarget(target, [...at, 'targets', i], names, context),
  }));
  const seen = new Set<string>();
  for (const { at, target } of targets) {
    const key = JSON.stringify([target?.provider, target?.model]);
    if (target === null || context.complaints.under(at)) continue;
    if (seen.has(key)) context.complaints.add(at, twice);
    seen.add(key);
  }
  return targets.flatMap(({ target }) => (target === null ? [] : [target]));
};

/** Without `models`, each provider serves what its vendor is known for; shared names try the providers in order. */
const known = (
  providers: ReadonlyMap<string, ProviderConfig>,
  { vendors }: Context,
): readonly ModelConfig[] => {
  const byName = new Map<string, ModelTarget[]>();
  for (const provider of providers.values()) {
    for (const name of vendors.get(provider.use)?.knownModels ?? []) {
      const targets = byName.get(name) ?? [];
      targets.push({ provider: provider.name, model: null });
      byName.set(name, targets);
    }
  }
  return [...byName].map(([name, targets]) => ({ name, targets }));
};

/**
 * Every model that can be read; complains about the rest. `names` are all providers the file names,
 * also those with mistakes of their own: one mistake is one problem.
 */
export const checkModels = (
  value: unknown,
  providers: ReadonlyMap<string, ProviderConfig>,
  names: readonly string[],
  context: Context,
): readonly ModelConfig[] => {
  const { complaints, document } = context;
  if (value === undefined || value === null) return known(providers, context);
  if (!isMap(value)) {
    complaints.add(
      ['models'],
      `must be a map of models by name, not ${found(value, ['models'], document)}`,
    );
    return [];
  }
  const pattern = new RegExp(modelPattern, 'u');
  return Object.entries(value).map(([name, entry]) => {
    const at = ['models', name];
    if (name === '' || !pattern.test(name))
      complaints.add(at, `must be ${modelTitle}, not '${name.slice(0, 60)}'`, 'key');
    return { name, targets: readTargets(entry, at, names, context) };
  });
};
