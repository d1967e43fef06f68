import { hash } from 'node:crypto';
import type { Caller } from '../model/call.ts';
import type { KeyConfig, ModelConfig, ProviderConfig } from './config.ts';
import { isMap } from '@tollgate/settings/context.ts';
import type { Context } from './context.ts';
import { readSecret } from '@tollgate/settings/read-secret.ts';
import { budgetsOfKey } from './budget-of.ts';
import { checkWanted } from './check-models.ts';
import { Key } from './schema.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';

/** As `decide/identify.ts` hashes the key of a request. */
const keyHash = (text: string): string => hash('sha256', text, 'hex');

const shortest = 8;
/** What `decide/identify.ts` is willing to hash. */
const longest = 512;

/** The administrator's key is named so, and no key of a file may be. */
export const masterKeyId = 'master';
const demoKeyId = 'demo';
const callerKeyId = 'caller';

const nobody = {
  org: '',
  team: '',
  app: '',
  namespace: '',
  environment: '',
  costCenter: '',
  models: null,
};

/** Keys that come with the environment rather than the file. Empty text means "none". */
export interface EnvironmentKeys {
  readonly master: string;
  /** Printed at every start, so it buys nothing: it may use what only the simulated vendor serves. */
  readonly demo: string;
  /** May use every model, as long as the configuration names no keys of its own. */
  readonly caller: string;
}

/**
 * The models of which every target is the simulated vendor. A pattern is left out when another route below it leads
 * elsewhere: a key that may use the pattern could use that one too.
 */
const simulatedModels = (
  models: readonly ModelConfig[],
  providers: ReadonlyMap<string, ProviderConfig>,
): readonly string[] => {
  const [simulated, others] = [true, false].map((wanted) =>
    models
      .filter(
        ({ targets }) =>
          targets.every(({ provider }) => providers.get(provider)?.isSimulated === true) === wanted,
      )
      .map(({ name }) => name),
  );
  const below = (name: string, pattern: string) =>
    pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1));
  return (simulated ?? []).filter((name) => !(others ?? []).some((other) => below(other, name)));
};

const hashOf = (
  shape: { readonly secret?: string | { file: string }; readonly secretSha256?: string },
  at: readonly (string | number)[],
  context: Context,
): string | null => {
  const { complaints } = context;
  if (shape.secret !== undefined && shape.secretSha256 !== undefined) {
    complaints.add(
      [...at, 'secretSha256'],
      "'secret' and 'secretSha256' exclude each other",
      'key',
    );
    return null;
  }
  if (shape.secretSha256 !== undefined) return shape.secretSha256.toLowerCase();
  const instead = 'write ${VARIABLE}, { file: PATH }, or secretSha256 with its SHA-256';
  const source = readSecret(shape.secret, [...at, 'secret'], instead, context);
  if (source.kind === 'absent' && !context.complaints.under(at)) {
    complaints.add([...at, 'secret'], `the key has no secret; ${instead}`, 'key');
  }
  if (source.kind !== 'secret') return null;
  const text = source.secret.reveal();
  if (text.length > longest) {
    complaints.add([...at, 'secret'], `must have at most ${longest} characters`);
    return null;
  }
  if (text.length < shortest) {
    complaints.add(
      [...at, 'secret'],
      `must have at least ${shortest} characters; better 32 random ones`,
    );
    return null;
  }
  return keyHash(text);
};

const readKey = (
  entry: unknown,
  i: number,
  models: readonly ModelConfig[],
  context: Context,
): KeyConfig | null => {
  const at = ['keys', i];
  const shape = shaped(Key, entry, at, context);
  if (shape === null) return null;
  checkWanted(shape.models ?? [], [...at, 'models'], models, context);
  const sha256 = hashOf(shape, at, context);
  if (sha256 === null) return null;
  const {
    id: keyId,
    organization: org,
    team,
    application: app,
    namespace,
    environment,
    costCenter,
  } = shape;
  const caller = {
    keyId,
    org,
    team,
    app,
    namespace,
    environment,
    costCenter,
    models: shape.models ?? null,
  };
  return { caller, sha256, admin: false, budgets: budgetsOfKey(keyId, shape.limits ?? {}) };
};

/** @param simulated the models that the demo key may use. @param alone whether the configuration names no keys. */
const ofEnvironment = (
  { master, demo, caller }: EnvironmentKeys,
  simulated: readonly string[],
  alone: boolean,
): readonly KeyConfig[] => {
  const key = (text: string, who: Partial<Caller> & { readonly keyId: string }, admin: boolean) =>
    text === ''
      ? []
      : [{ caller: { ...nobody, ...who }, sha256: keyHash(text), admin, budgets: [] }];
  const everything = { keyId: callerKeyId, team: 'default', app: 'default' };
  return [
    ...key(master, { keyId: masterKeyId }, true),
    ...key(demo, { keyId: demoKeyId, team: 'demo', app: 'demo', models: simulated }, false),
    ...key(alone ? caller : '', everything, false),
  ];
};

/** Every key that can be read, and those of the environment; complains about the rest. */
export const checkKeys = (
  value: unknown,
  {
    models,
    providers,
  }: {
    readonly models: readonly ModelConfig[];
    readonly providers: ReadonlyMap<string, ProviderConfig>;
  },
  environment: EnvironmentKeys,
  context: Context,
): readonly KeyConfig[] => {
  const { complaints, document } = context;
  if (value !== undefined && value !== null && !Array.isArray(value)) {
    complaints.add(['keys'], `must be a list of keys, not ${found(value, ['keys'], document)}`);
    return [];
  }
  const entries: readonly unknown[] = value ?? [];
  const ids = new Map<string, number>();
  const hashes = new Map<string, number>();
  const [extra, masterHash] = [
    ofEnvironment(environment, simulatedModels(models, providers), entries.length === 0),
    environment.master === '' ? null : keyHash(environment.master),
  ];
  const keys = entries.flatMap((entry, i) => {
    // Before its shape is judged, so that a key with another mistake still has its id compared.
    const id = isMap(entry) ? entry['id'] : undefined;
    if (typeof id === 'string') {
      const first = ids.get(id);
      if (id === masterKeyId)
        complaints.add(
          ['keys', i, 'id'],
          `'${masterKeyId}' is the administrator's key, which comes from TOLLGATE_MASTER_KEY`,
        );
      if (first !== undefined)
        complaints.add(['keys', i, 'id'], `the id is taken by keys[${first}]`);
      ids.set(id, first ?? i);
    }
    const key = readKey(entry, i, models, context);
    if (key === null) return [];
    const at = ['keys', i, isMap(entry) && 'secret' in entry ? 'secret' : 'secretSha256'];
    const first = hashes.get(key.sha256);
    if (first !== undefined)
      complaints.add(at, `has the same secret as keys[${first}]: whose call is it?`);
    if (key.sha256 === masterHash)
      complaints.add(at, "has the same secret as the administrator's key, TOLLGATE_MASTER_KEY");
    hashes.set(key.sha256, first ?? i);
    return [key];
  });
  // A file may define the demo key itself, by id or by secret; its word counts.
  return [
    ...keys,
    ...extra.filter(({ caller, sha256 }) => !ids.has(caller.keyId) && !hashes.has(sha256)),
  ];
};
