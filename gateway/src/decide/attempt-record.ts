import type { Observation } from './observation.ts';
import { charge, dimensionsOf, noCharge, type PriceTable } from './price.ts';
import type { Target } from '../model/call.ts';
import type { Fault } from '../model/fault.ts';
import type { Attempt } from '../model/settlement.ts';
import { noUsage, type Dimensions } from '../model/usage.ts';

/** Of a provider, as row and spans name it. */
export interface UpstreamFacts {
  /** `gen_ai.provider.name`. */
  readonly system: string;
  /** The account that is billed. */
  readonly account: string;
  readonly region: string;
  readonly serverAddress: string;
  readonly serverPort: number;
}

/** What is known of an attempt from its start. Times: `...AtMs` by the wall clock, the others by the monotonic one. */
export interface AttemptStart {
  /** What row and spans say of the provider. */
  readonly upstream: UpstreamFacts;
  readonly target: Target;
  readonly spanId: string;
  readonly prices: PriceTable;
  /** What the request names that may change the price. */
  readonly asked: Dimensions;
  readonly callStartedAtMs: number;
  readonly callStartedMs: number;
  readonly startedMs: number;
  /** Asked only when the provider never told its usage. */
  inputTokens(): number;
}

/**
 * The account of an attempt that is over. A provider that refused billed nothing; one that fell silent, was cut off or
 * was left may well have, so its tokens are counted.
 */
export const attemptRecord = (
  start: AttemptStart,
  observed: Observation,
  end: { readonly status: number; readonly endedMs: number; readonly fault: Fault | null },
): Attempt => {
  const { upstream, target, prices, startedMs } = start;
  const { status, endedMs, fault } = end;
  const reading = observed.reading();
  const billable = fault === null || fault.mayBeBilled || reading.firstContentMs !== null;
  const { usage, source } = billable
    ? observed.usage(() => start.inputTokens())
    : ({ usage: noUsage, source: 'none' } as const);
  const modelAnswered = reading.model === '' ? target.model : reading.model;
  const price =
    prices.find(target.provider, modelAnswered, start.callStartedAtMs) ??
    prices.find(target.provider, target.model, start.callStartedAtMs);
  return {
    target,
    system: upstream.system,
    account: upstream.account,
    region: upstream.region,
    serverAddress: upstream.serverAddress,
    serverPort: upstream.serverPort,
    spanId: start.spanId,
    status,
    error: fault?.kind ?? '',
    errorMessage: fault?.message ?? '',
    offsetMs: startedMs - start.callStartedMs,
    durationMs: endedMs - startedMs,
    firstTokenMs: reading.firstContentMs === null ? null : reading.firstContentMs - startedMs,
    modelAnswered,
    upstreamId: reading.upstreamId,
    finishReason: reading.finishReason,
    usage,
    usageSource: source,
    charge:
      source === 'none'
        ? noCharge
        : charge(usage, price, dimensionsOf(start.asked, modelAnswered, usage.dimensions)),
    wasteReason: '',
    chunks: reading.chunks,
    maxGapMs: reading.maxGapMs,
  };
};
