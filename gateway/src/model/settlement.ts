import type {
  CacheStatus,
  ChargeType,
  PriceStatus,
  UsageSource,
  WasteReason,
} from '../contract/ledger.ts';
import type { ErrorCode } from '../contract/errors.ts';
import type { ErrorOrigin, OutcomeKind, StreamOutcome } from '../contract/outcomes.ts';
import type { RequestParameters, Caller, DialectName, Operation, Target } from './call.ts';
import type { FaultKind } from './fault.ts';
import { noMoney, plus, type Picodollars } from './money.ts';
import type { Dimensions, Usage } from './usage.ts';

/** Ids of a trace in lower-case hex: 32 and 16 digits. */
export interface TraceContext {
  readonly traceId: string;
  /** The span of the call itself. */
  readonly spanId: string;
  /** The caller's span; null: this call begins the trace. */
  readonly parentSpanId: string | null;
  readonly traceState: string | null;
}

/** Who acts on whose behalf, as the client says it in headers or baggage. Empty: not said. */
export interface Identity {
  readonly agent: string;
  readonly session: string;
  readonly user: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A call as it was accepted; nothing here changes afterwards. */
export interface CallFacts {
  /** UUIDv7 that carries `startedAtMs`. */
  readonly id: string;
  /** Wall clock, epoch milliseconds. */
  readonly startedAtMs: number;
  readonly operation: Operation;
  readonly dialect: DialectName;
  readonly caller: Caller | null;
  readonly trace: TraceContext;
  readonly identity: Identity;
  /** Null for a call refused before its body was understood. */
  readonly parameters: RequestParameters | null;
  /** The entry of the configuration that says where it goes; empty: none was looked for. */
  readonly route: string;
}

/** What one attempt cost, by charge type. `total` is their sum. */
export interface Charge {
  readonly costs: Readonly<Partial<Record<ChargeType, Picodollars>>>;
  readonly total: Picodollars;
  /** What it would have cost at the vendor's list price; the total where there is none. */
  readonly list: Picodollars;
  /** What its cached tokens would have cost as plain input, less what they cost. */
  readonly cacheSaved: Picodollars;
  /** Of `costs.other`, what each unit cost. */
  readonly unitCosts: Readonly<Record<string, Picodollars>>;
  readonly otherUnits: number;
  readonly priceId: string;
  readonly priceStatus: PriceStatus;
}

/** One try at a provider, over. */
export interface Attempt {
  readonly target: Target;
  /** `gen_ai.provider.name`. */
  readonly genAiProvider: string;
  readonly account: string;
  readonly region: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly spanId: string;
  /** HTTP status; 0 when none arrived. */
  readonly status: number;
  readonly error: FaultKind | '';
  readonly errorMessage: string;
  /** Since the call's start. */
  readonly offsetMs: number;
  readonly durationMs: number;
  /** Since the attempt's start; null: no content came. */
  readonly firstTokenMs: number | null;
  /** The model that answered, in the provider's words; the target's when it never said. */
  readonly modelAnswered: string;
  readonly upstreamId: string;
  readonly finishReason: string;
  readonly usage: Usage;
  readonly usageSource: UsageSource;
  /** What it names that has a price of its own, as the provider said, else as it was asked for. */
  readonly dimensions: Dimensions;
  readonly charge: Charge;
  readonly wasteReason: WasteReason;
  /** Chunks of the reply, and the longest silence between two with content. */
  readonly chunks: number;
  readonly maxGapMs: number;
}

/** The account of one call: everything we ever observe about it is projected from this value. */
export interface Settlement {
  readonly call: CallFacts;
  readonly outcome: OutcomeKind;
  readonly httpStatus: number;
  readonly errorCode: ErrorCode | '';
  readonly errorOrigin: ErrorOrigin | '';
  readonly errorMessage: string;
  readonly attempts: readonly Attempt[];
  readonly durationMs: number;
  /** Since the call's start; null: no content reached the client. */
  readonly firstTokenMs: number | null;
  /** Time spent waiting for providers. */
  readonly providerMs: number;
  /** Time spent waiting before further tries. */
  readonly waitMs: number;
  readonly streamOutcome: StreamOutcome;
  readonly cacheStatus: CacheStatus;
  readonly priceVersion: string;
}

/** What a call cost: the one sum that row, span, metrics and log line show. */
export const costOfAttempts = (attempts: readonly Attempt[]): Picodollars => {
  let cost = noMoney;
  for (const { charge } of attempts) cost = plus(cost, charge.total);
  return cost;
};

/** Time of a call that was spent in the gateway itself: neither at providers nor waiting to try again. */
export const overheadMs = ({
  durationMs,
  providerMs,
  waitMs,
}: Pick<Settlement, 'durationMs' | 'providerMs' | 'waitMs'>): number =>
  Math.max(0, durationMs - providerMs - waitMs);
