import type { CredentialVariable } from '../contract/credentials.ts';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { Operation } from '../model/call.ts';
import { isObject, textAt, type JsonObject } from '../model/json.ts';
import type { Speech } from '../translate/request.ts';

/** One request to a provider, before it has an address. */
export interface Asked {
  readonly operation: Operation;
  /** The model's name there. */
  readonly model: string;
  readonly stream: boolean;
  readonly body: Uint8Array;
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: number;
}

/** Path and headers of one request to a provider. */
export interface Addressed {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials by the names of their settings; what is not given is absent. */
export type Credentials = Readonly<Record<string, string>>;

/** How a credential that expires is asked for, in exchange for those of the configuration. */
export interface TokenRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the answer brings, and how long it lives; null: it brings nothing. */
  read(reply: JsonObject): { readonly credentials: Credentials; readonly livesMs: number } | null;
}

/** Where a configured provider is, what is spoken there, and how a request to it is addressed and signed. Pure. */
export interface Endpoint {
  /** Scheme, host and port, without a path. */
  readonly origin: string;
  /** What is spoken for an operation with a model; null: it does not do that. */
  speaks(operation: Operation, model: string): Speech | null;
  request(asked: Asked, credentials: Credentials): Addressed;
  /** How `request` gets its credentials from those of the configuration; null: it takes those. */
  token(configured: Credentials): TokenRequest | null;
}

/** A setting that holds a credential. */
export interface CredentialSetting {
  readonly name: string;
  readonly about: string;
  /** The environment variable that holds it by convention; null: there is none. */
  readonly variable: CredentialVariable | null;
  /** Without it no call can be made. */
  readonly isNeeded: boolean;
}

/** The one credential of most vendors; a vendor without a variable for it may need none. */
export const apiKey = (variable: CredentialVariable | null): readonly [CredentialSetting] => [
  { name: 'apiKey', about: 'The credential.', variable, isNeeded: variable !== null },
];

/** What the rest of the gateway sees of a vendor. */
export interface Provider {
  /** The `use:` of a configuration. */
  readonly name: string;
  /** `gen_ai.provider.name`. */
  readonly genAiProvider: string;
  /** The vendor's id in the price data; null: prices only from configuration. */
  readonly prices: string | null;
  /** Settings that hold a credential; each is read from the environment or a file, never from the configuration itself. */
  readonly credentials: readonly CredentialSetting[];
  /**
   * It runs inside the gateway: its address is known only then, it needs no credential and bills nobody, and so the key
   * that is printed at every start may use it.
   */
  readonly isSimulated: boolean;
  /** The cost that stands in its replies is what it bills, in dollars. */
  readonly reportsCost: boolean;
  /** Model names or patterns that belong to this vendor when no configuration file says otherwise. */
  readonly knownModels: readonly string[];
  /** Request headers of a client that this vendor understands and that go on to it; lower case. */
  readonly forwardedHeaders: readonly string[];
  readonly settings: TSchema;
  /** What is missing although each setting by itself is right; null: nothing. `given`: the credentials that there are. */
  lacks?(settings: unknown, given: ReadonlySet<string>): string | null;
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
  description: Omit<Provider, 'settings' | 'configure' | 'isSimulated' | 'reportsCost'> & {
    readonly isSimulated?: boolean;
    readonly reportsCost?: boolean;
    readonly settings: S;
    /** Where it is when no `baseUrl` says so; absent: there always is one. */
    readonly address?: (settings: Static<S>) => string;
    readonly speaks: (operation: Operation, model: string, settings: Static<S>) => Speech | null;
    readonly request: (
      asked: Asked,
      credentials: Credentials,
      at: { readonly settings: Static<S>; readonly base: Base },
    ) => Addressed;
    readonly token?: (configured: Credentials, settings: Static<S>) => TokenRequest | null;
  },
): Provider => {
  const { address, request, speaks, token, ...visible } = description;
  return {
    isSimulated: false,
    reportsCost: false,
    ...visible,
    configure(given) {
      const settings: unknown = Value.Default(description.settings, Value.Clone(given ?? {}));
      if (!Value.Check(description.settings, settings)) {
        throw new TypeError(`The settings of provider ${description.name} were not checked.`);
      }
      const said = isObject(settings) ? textAt(settings, 'baseUrl') : null;
      const url = new URL(said ?? address?.(settings) ?? '');
      const base = { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
      const at = { settings, base };
      return {
        origin: base.origin,
        speaks: (operation, model) => speaks(operation, model, settings),
        request: (asked, credentials) => request(asked, credentials, at),
        token: (configured) => token?.(configured, settings) ?? null,
      };
    },
  };
};
