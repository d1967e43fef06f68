import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { CredentialVariable } from '../contract/credentials.ts';
import type { Provider } from '../providers/provider.ts';
import type { Checked } from '@tollgate/settings/checked.ts';
import { check, type Surroundings } from './check.ts';
import type { Config } from './config.ts';
import { madeDocument, pointer } from '@tollgate/settings/document.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';

const given = (variables: Variables, variable: CredentialVariable | null): string =>
  variable === null ? '' : (variables[variable] ?? '').trim();

/** Nothing but a credential has to be said. */
const isComplete = (settings: TSchema): boolean =>
  Value.Check(settings, Value.Default(settings, {}));

/** Vendors that the environment has a credential for, in the registry's order, and those that need no account anywhere. */
const available = (providers: ReadonlyMap<string, Provider>, variables: Variables) =>
  [...providers.values()].filter(
    ({ isSimulated, credentials, settings }) =>
      isSimulated ||
      (isComplete(settings) &&
        credentials.some(({ isNeeded }) => isNeeded) &&
        credentials.every(
          ({ isNeeded, variable }) => !isNeeded || given(variables, variable) !== '',
        )),
  );

/**
 * The configuration without a file: every vendor whose credential is in the environment, with its known models, and
 * the simulated one. It is written as the document a user would write, so that its defaults and checks are those of any file.
 */
export const builtInConfig = (
  variables: Variables,
  surroundings: Surroundings,
): Checked<Config> => {
  const vendors = available(surroundings.providers, variables);
  const entry = ({ credentials }: Provider) =>
    Object.fromEntries(
      credentials.flatMap(({ name, variable }) =>
        variable === null ? [] : [[name, given(variables, variable)] as const],
      ),
    );
  const document = madeDocument(
    'built-in',
    { providers: Object.fromEntries(vendors.map((vendor) => [vendor.name, entry(vendor)])) },
    new Map(
      vendors.flatMap(({ name, credentials }) =>
        credentials.map(
          (credential) => [pointer(['providers', name, credential.name]), 'environment'] as const,
        ),
      ),
    ),
  );
  return check(document, surroundings);
};
