import type { CredentialVariable } from '../contract/credentials.ts';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { DialectName, Operation } from '../model/call.ts';
import { isObject, textAt } from '../model/json.ts';
import { standardTraits, type Traits } from './dialects/dialect.ts';

/** Path and headers of one request to a provider. */
export interface Addressed {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where a configured provider is and how a request to it is addressed and signed. */
export interface Endpoint {
  /** Scheme, host and port, without a path. */
  readonly origin: string;
  /** Path and headers of one request; null when this provider does not do that operation. An empty secret is not sent. */
  request(operation: Operation, secret: string): Addressed | null;
}

/** What the rest of the gateway sees of a vendor. */
export interface Provider {
  /** The `use:` of a configuration. */
  readonly name: string;
  /** `gen_ai.provider.name`. */
  readonly system: string;
  readonly dialect: DialectName;
  readonly traits: Traits;
  /** The vendor's id in the price data; null: prices only from configuration. */
  readonly prices: string | null;
  /** The environment variable that holds its credential by convention; null: it needs none. */
  readonly secretVariable: CredentialVariable | null;
  /** Model names or patterns that belong to this vendor when no configuration file says otherwise. */
  readonly knownModels: readonly string[];
  /** Request headers of a client that this vendor understands and that go on to it; lower case. */
  readonly forwardedHeaders: readonly string[];
  readonly settings: TSchema;
  /** Reads settings that were checked against `settings`. Throws when they were not. */
  configure(settings: unknown): Endpoint;
}

/** Where a provider is found: its origin, and the path that its base URL begins with. */
export interface Base {
  readonly origin: string;
  /** Without a closing slash; empty when the base URL has no path. */
  readonly prefix: string;
}

/** The setting that every provider has. A path in it is kept; a query, a fragment and credentials are refused. */
export const baseUrl = (standard: string | null) =>
  Type.String({
    pattern: '^https?://[^\\s?#@]+$',
    description: 'Address of the API, with the path that its routes begin with',
    ...(standard === null ? {} : { default: standard }),
  });

/**
 * Makes a provider from a description whose settings are typed; the type parameter stops here, so that a list of
 * providers needs no `any`. Defaults of the settings are filled in; settings that break their schema are a bug of the
 * caller, which was to check them, and throw.
 */
export const provider = <S extends TSchema>(
  description: Omit<Provider, 'traits' | 'settings' | 'configure'> & {
    readonly traits?: Partial<Traits>;
    readonly settings: S;
    readonly request: (
      operation: Operation,
      secret: string,
      settings: Static<S>,
      base: Base,
    ) => Addressed | null;
  },
): Provider => {
  const { request, ...visible } = description;
  return {
    ...visible,
    traits: { ...standardTraits, ...description.traits },
    configure(settings) {
      const filled: unknown = Value.Default(description.settings, Value.Clone(settings ?? {}));
      if (!Value.Check(description.settings, filled)) {
        throw new TypeError(`The settings of provider ${description.name} were not checked.`);
      }
      const url = new URL((isObject(filled) && textAt(filled, 'baseUrl')) || '');
      const base = { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
      return {
        origin: base.origin,
        request: (operation, secret) => request(operation, secret, filled, base),
      };
    },
  };
};
