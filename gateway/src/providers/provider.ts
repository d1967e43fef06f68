import type { TSchema } from 'typebox';
import type { DialectName, Operation } from '../model/call.ts';

/** Where a configured provider is and how a request to it is addressed and signed. */
export interface Endpoint {
  /** Scheme, host and port, without a path. */
  readonly origin: string;
  /** Path and headers of one request; null when this provider does not do that operation. */
  request(
    operation: Operation,
    secret: string,
  ): { readonly path: string; readonly headers: Readonly<Record<string, string>> } | null;
}

/** What the rest of the gateway sees of a vendor. */
export interface Provider {
  /** The `use:` of a configuration. */
  readonly name: string;
  /** `gen_ai.provider.name`. */
  readonly system: string;
  readonly dialect: DialectName;
  /** The vendor's id in the price data; null: prices only from configuration. */
  readonly prices: string | null;
  /** The environment variable that holds its credential by convention; null: it needs none. */
  readonly secretVariable: string | null;
  /** Model names or patterns that belong to this vendor when no configuration file says otherwise. */
  readonly knownModels: readonly string[];
  readonly settings: TSchema;
  /** Reads settings that were checked against `settings`. */
  configure(settings: unknown): Endpoint;
}
