/**
 * From a parsed document to a configuration, or to everything that is wrong with it. Each provider, model, key and price
 * is checked on its own, and rules across them run on what could be read: one mistake is one problem, and hides no other.
 */
import { freeze, type Checked } from '@tollgate/settings/checked.ts';
import { isMap } from '@tollgate/settings/context.ts';
import { startComplaints, type Document } from '@tollgate/settings/document.ts';
import type { SecretFiles } from '@tollgate/settings/read-secret.ts';
import { readSections, rootOf } from '@tollgate/settings/sections.ts';
import type { Provider } from '../providers/provider.ts';
import { checkBudgets } from './check-budgets.ts';
import { checkCatalogue } from './check-catalogue.ts';
import { checkIssuers } from './check-issuers.ts';
import { checkKeys, type EnvironmentKeys } from './check-keys.ts';
import { checkLeaks } from './check-leaks.ts';
import { checkModels } from './check-models.ts';
import { checkPrices } from './check-prices.ts';
import { checkProviders } from './check-providers.ts';
import { checkRules, withEndpoint } from './check-rules.ts';
import { checkUsers } from './check-users.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { collections } from './schema.ts';
import { Sections, sections } from './sections.ts';

/** What a check needs beside the document. */
export interface Surroundings {
  /** The vendors that `use:` may name. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly files: SecretFiles;
  readonly keys: EnvironmentKeys;
  /** For telemetry, where the file says nothing; null: nothing is exported then. */
  readonly otlpEndpoint: string | null;
}

const known = [...Object.keys(collections), ...Object.keys(sections)];

/** Checks a whole document. The configuration is complete and frozen; problems come in the order of the file. */
export const check = (document: Document, surroundings: Surroundings): Checked<Config> => {
  const complaints = startComplaints(document);
  const bad = (): Checked<Config> => ({ kind: 'bad', problems: complaints.all() });
  const { providers: vendors, files } = surroundings;
  const context: Context = { document, complaints, vendors, files };
  const root = rootOf(known, 'providers, models, keys ...', context);
  if (root === null) return bad();
  const settings = readSections(Sections, withEndpoint(root, surroundings.otlpEndpoint), context);
  if (settings === null) return bad();
  checkRules(settings, root, context);
  const providers = checkProviders(root['providers'], settings.timeouts, context);
  const names = isMap(root['providers']) ? Object.keys(root['providers']) : [];
  const models = checkModels(root['models'], providers, names, context);
  const keys = checkKeys(root['keys'], { models, providers }, surroundings.keys, context);
  checkLeaks(providers, keys, context);
  const issuers = checkIssuers(root['issuers'], models, context);
  const budgets = checkBudgets(root['budgets'], context);
  const prices = checkPrices(root['prices'], names, context);
  const userHashKey = checkUsers(root['users'], context);
  const priceCatalogue = checkCatalogue(settings.catalogue, providers, context);
  if (complaints.count() > 0) return bad();
  const { hash, file: source } = document;
  return {
    kind: 'ok',
    config: freeze({
      hash,
      source,
      providers,
      models,
      keys,
      issuers,
      prices,
      budgets,
      priceCatalogue,
      userHashKey,
      ...settings,
    }),
  };
};
