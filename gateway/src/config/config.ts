import type { Decoded } from '@tollgate/settings/decode.ts';
import type { Secret } from '@tollgate/settings/secret.ts';
import type { Budget } from '../model/budget.ts';
import type { Caller } from '../model/call.ts';
import type { Issuer } from '../model/issuer.ts';
import type { Catalogue } from '../prices/catalogue.ts';
import type { Sections } from './sections.ts';

type Settings = Decoded<typeof Sections>;

/** How long a provider may take. */
export type Timeouts = Settings['timeouts'];

export interface ProviderConfig {
  /** Its name in this configuration, and in the ledger. */
  readonly name: string;
  /** The vendor in `providers/registry.ts`. */
  readonly use: string;
  /** Whether that vendor is one that runs inside the gateway. */
  readonly isSimulated: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  /** By the names of their settings. */
  readonly credentials: ReadonlyMap<string, Secret>;
  /** The account billed, for reconciliation; empty when not said. */
  readonly account: string;
  readonly region: string;
  readonly timeouts: Timeouts;
  /** Connections kept at most to this provider. */
  readonly maxConnections: number;
}

export interface ModelConfig {
  /** A model's name, or a pattern ending in `*`. */
  readonly name: string;
  /** Tried in order. `model` null: the name the client used. */
  readonly targets: readonly { readonly provider: string; readonly model: string | null }[];
}

export interface KeyConfig {
  readonly caller: Caller;
  /** Lower-case hex SHA-256 of the key's text. The text itself is not kept. */
  readonly sha256: string;
  /** The administrator's: `TOLLGATE_MASTER_KEY`. */
  readonly admin: boolean;
  /** Its limits. */
  readonly budgets: readonly Budget[];
}

/** A price of one's own, over what the vendor lists. Amounts are decimal text, by token type. */
export interface PriceOverride {
  readonly provider: string;
  /** A model's name, or a pattern ending in `*`. */
  readonly model: string;
  readonly usdPerMillion: Readonly<Record<string, string>>;
  /** For calls with more input tokens than so many. */
  readonly above: readonly {
    readonly tokens: number;
    readonly usdPerMillion: Readonly<Record<string, string>>;
  }[];
  readonly webSearchesUsdPerThousand: string | null;
  /** A factor on what is listed and not named here. */
  readonly discount: string | null;
  /** Days, `2026-11-29`: from this one on, and not from that one on. */
  readonly from: string | null;
  readonly until: string | null;
  readonly source: string;
}

/** The whole configuration: checked, complete, frozen. Swapped as one value on reload. The schema says what its sections are. */
export interface Config extends Settings {
  /** SHA-256 of its text, first 12 hex digits; `built-in` without a file. */
  readonly hash: string;
  /** Where it came from: a path, or `built-in`. */
  readonly source: string;
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: readonly ModelConfig[];
  readonly keys: readonly KeyConfig[];
  /** Whose tokens are as good as a key. */
  readonly issuers: readonly Issuer[];
  readonly prices: readonly PriceOverride[];
  /** Those of the file. */
  readonly budgets: readonly Budget[];
  /** What the names of end users are hashed with; null: they are written as they are. */
  readonly userHashKey: Secret | null;
  /** What `catalogue.file` holds; null: the catalogue that came with this version. */
  readonly priceCatalogue: Catalogue | null;
}
