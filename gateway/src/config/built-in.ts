import type { Provider } from '../providers/provider.ts';
import { check, type Checked, type Surroundings } from './check.ts';
import { pointer, type Document } from './document.ts';
import type { Variables } from './substitute.ts';

/** The simulated model that answers when there is no account anywhere. */
const demo = 'demo';

/** Vendors that the environment has a credential for, in the registry's order, and the demo model. */
const available = (providers: ReadonlyMap<string, Provider>, variables: Variables) =>
  [...providers.values()].filter(
    ({ name, secretVariable }) =>
      name === demo || (secretVariable !== null && (variables[secretVariable] ?? '') !== ''),
  );

/**
 * The configuration without a file: every vendor whose credential is in the environment, with its known models, and
 * `demo`. It is written as the document a user would write, so that its defaults and checks are those of any file.
 */
export const builtInConfig = (variables: Variables, surroundings: Surroundings): Checked => {
  const vendors = available(surroundings.providers, variables);
  const entry = ({ secretVariable }: Provider) =>
    secretVariable === null ? {} : { apiKey: (variables[secretVariable] ?? '').trim() };
  const document: Document = {
    file: 'built-in',
    hash: 'built-in',
    value: { providers: Object.fromEntries(vendors.map((vendor) => [vendor.name, entry(vendor)])) },
    keys: new Map(),
    values: new Map(),
    numbers: new Map(),
    substituted: new Map(
      vendors.map(({ name }) => [pointer(['providers', name, 'apiKey']), 'environment'] as const),
    ),
  };
  return check(document, surroundings);
};
