/**
 * From a parsed document to a configuration, or to everything that is wrong with it. Each provider, model, key and price
 * is checked on its own, and rules across them run on what could be read: one mistake is one problem, and hides no other.
 */
import type { Provider } from '../providers/provider.ts';
import type { Config, ConfigProblem } from './config.ts';
import { checkLeaks } from './check-leaks.ts';
import { checkKeys, type EnvironmentKeys } from './check-keys.ts';
import { checkModels } from './check-models.ts';
import { checkPrices } from './check-prices.ts';
import { checkProviders } from './check-providers.ts';
import { isMap, type Context, type SecretFile } from './context.ts';
import { startComplaints, type Document } from './document.ts';
import { hint } from './nearest.ts';
import { collections, sections } from './schema.ts';
import {
  readLedger,
  readLimits,
  readLog,
  readRetry,
  readTelemetry,
  readTimeouts,
} from './check-sections.ts';
import { found } from './shape.ts';

export type Checked =
  | { readonly kind: 'ok'; readonly config: Config }
  | { readonly kind: 'bad'; readonly problems: readonly ConfigProblem[] };

/** What a check needs beside the document. */
export interface Surroundings {
  /** The vendors that `use:` may name. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly files: ReadonlyMap<string, SecretFile>;
  readonly keys: EnvironmentKeys;
  /** For telemetry, where the file says nothing; null: nothing is exported then. */
  readonly otlpEndpoint: string | null;
}

const rootOf = ({ document, complaints }: Context): Readonly<Record<string, unknown>> | null => {
  const value = document.value ?? {};
  if (!isMap(value)) {
    complaints.add(
      [],
      `must be a map with providers, models, keys ..., not ${found(value, [], document)}`,
    );
    return null;
  }
  const known = [...Object.keys(collections), ...Object.keys(sections)];
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      complaints.add([key], `unknown key '${key}'${hint(key, known)}`, 'key');
  }
  return value;
};

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    const inner = value instanceof Map ? [...value.values()] : Object.values(value);
    for (const one of inner) freeze<unknown>(one);
  }
  return value;
};

/** Checks a whole document. The configuration is complete and frozen; problems come in the order of the file. */
export const check = (document: Document, surroundings: Surroundings): Checked => {
  const complaints = startComplaints(document);
  const { providers: vendors, files } = surroundings;
  const context: Context = { document, complaints, vendors, files };
  const root = rootOf(context);
  if (root === null) return { kind: 'bad', problems: complaints.all() };
  const timeouts = readTimeouts(root, context);
  const providers = checkProviders(root['providers'], timeouts, context);
  const names = isMap(root['providers']) ? Object.keys(root['providers']) : [];
  const models = checkModels(root['models'], providers, names, context);
  const keys = checkKeys(root['keys'], { models, providers }, surroundings.keys, context);
  checkLeaks(providers, keys, context);
  const prices = checkPrices(root['prices'], names, context);
  const limits = readLimits(root, context);
  const retry = readRetry(root, context);
  const ledger = readLedger(root, context);
  const telemetry = readTelemetry(root, surroundings.otlpEndpoint, context);
  const log = readLog(root, context);
  if (
    complaints.count() > 0 ||
    limits === null ||
    retry === null ||
    ledger === null ||
    telemetry === null ||
    log === null
  ) {
    return { kind: 'bad', problems: complaints.all() };
  }
  const { hash, file: source } = document;
  return {
    kind: 'ok',
    config: freeze({
      hash,
      source,
      providers,
      models,
      keys,
      prices,
      limits,
      retry,
      ledger,
      telemetry,
      log,
    }),
  };
};
