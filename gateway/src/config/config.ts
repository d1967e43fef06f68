import type { Caller } from '../model/call.ts';
import type { Allowances } from '../decide/written-down.ts';
import type { BodyMemoryLimits } from '../decide/body-memory.ts';
import type { JsonLimits } from '../model/json-scan.ts';

/**
 * A secret that cannot leak by being printed, logged, serialised or compared by accident.
 * `reveal()` is called where it goes on the wire, and nowhere else.
 */
export interface Secret {
  reveal(): string;
  toJSON(): '[secret]';
  toString(): '[secret]';
}

export interface Timeouts {
  /** TCP and TLS. */
  readonly connectMs: number;
  /** Longest silence of a stream before its first content. */
  readonly firstByteMs: number;
  /** From the request sent to the first content of a stream; null: not limited. */
  readonly firstContentMs: number | null;
  /** How long a stream that lives without content is held back. */
  readonly holdMs: number;
  /** Longest silence of a stream after its first content. */
  readonly idleMs: number;
  /** One attempt, from start to end, without the time in which the client held it up. */
  readonly totalMs: number;
}

export interface ProviderConfig {
  /** Its name in this configuration, and in the ledger. */
  readonly name: string;
  /** The vendor in `providers/registry.ts`. */
  readonly use: string;
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
}

/** Dollars per million tokens as decimal text, by meter; overrides the built-in prices. */
export interface PriceOverride {
  readonly provider: string;
  readonly model: string;
  readonly usdPerMillion: Readonly<Record<string, string>>;
  readonly source: string;
}

/** The whole configuration: checked, complete, frozen. Swapped as one value on reload. */
export interface Config {
  /** SHA-256 of its text, first 12 hex digits; `built-in` without a file. */
  readonly hash: string;
  /** Where it came from: a path, or `built-in`. */
  readonly source: string;
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: readonly ModelConfig[];
  readonly keys: readonly KeyConfig[];
  readonly prices: readonly PriceOverride[];
  readonly limits: {
    readonly bodyBytes: number;
    /** Memory for the bodies of calls in flight. */
    readonly bodies: BodyMemoryLimits;
    /** Of a request's body. */
    readonly json: JsonLimits;
    readonly replyBytes: number;
    /** One event of a stream, and what is held back of a stream before its first content. */
    readonly eventBytes: number;
    readonly callsInFlight: number;
    /** Wait for a whole request body. */
    readonly requestMs: number;
    /** Wait for a client that takes nothing of its reply any more. */
    readonly slowReaderMs: number;
    /** Wait for calls in flight when the gateway is stopped. */
    readonly drainMs: number;
    /** Refused calls written down. */
    readonly refusals: Allowances;
    readonly connections: number;
    readonly strangersPerAddress: number;
    readonly tagsPerCall: number;
    readonly labelValues: number;
    readonly labelValuesPerKey: number;
  };
  readonly retry: {
    /** Tries at one target, the first included. */
    readonly triesPerTarget: number;
    /** Tries over all targets. */
    readonly triesPerCall: number;
    readonly backoffBaseMs: number;
    readonly backoffMaxMs: number;
    /** Try again at the same target what it may bill. */
    readonly billed: boolean;
  };
  readonly ledger: {
    readonly segmentCloses: number;
    readonly segmentBytes: number;
    readonly segmentAgeMs: number;
    readonly syncMs: number;
    readonly maxSpoolBytes: number;
    /** Of these, for rows of refused calls. */
    readonly maxRefusalBytes: number;
    /** Kept free on the disk for rows of calls in flight. */
    readonly reserveBytes: number;
    readonly keepShippedMs: number;
    readonly reconcileMs: number;
  };
  readonly telemetry: {
    readonly serviceName: string;
    /** OTLP/gRPC endpoint for spans and metrics; null: none are exported. */
    readonly otlpEndpoint: string | null;
    readonly metricsIntervalMs: number;
    readonly spanQueue: number;
    readonly spanBatch: number;
    readonly spanDelayMs: number;
    /** Send `traceparent` to providers. */
    readonly propagate: boolean;
  };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' };
}

/** One complaint about a configuration file. Lines and columns start at 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}
