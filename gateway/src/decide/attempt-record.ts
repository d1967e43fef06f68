import type { Observation } from './observation.ts';
import { chargeOfOthers, reportedCharge } from './other-charges.ts';
import { charge, dimensionsOf, noCharge, type PriceTable } from './price.ts';
import type { Target } from '../model/call.ts';
import type { Fault } from '../model/fault.ts';
import type { Attempt, Charge } from '../model/settlement.ts';
import { addTokens, noUsage, type Dimensions, type Usage } from '../model/usage.ts';

/** Of a provider, as row and spans name it. */
export interface UpstreamFacts {
  /** `gen_ai.provider.name`. */
  readonly genAiProvider: string;
  /** What it says a call cost, in dollars, is what it bills. */
  readonly reportsCost: boolean;
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

/** Passes that name the model itself are its own. */
const withOwnPasses = (usage: Usage, names: readonly string[]): Usage => {
  const { others, ...rest } = usage;
  if (others === undefined) return usage;
  const own = others.filter(({ model }) => names.includes(model));
  const strangers = others.filter(({ model }) => !names.includes(model));
  return {
    ...rest,
    tokens: own.reduce((sum, { tokens }) => addTokens(sum, tokens), usage.tokens),
    ...(strangers.length === 0 ? {} : { others: strangers }),
  };
};

/** A price of our own says what we pay; then the provider's own word, where it is one; then the list. */
const chargeOf = (
  { upstream, target, prices, callStartedAtMs }: AttemptStart,
  usage: Usage,
  { answered, dimensions }: { readonly answered: string; readonly dimensions: Dimensions },
): Charge => {
  const find = (names: { readonly asked: string; readonly answered: string }) =>
    prices.find(target.provider, names, callStartedAtMs);
  const price = find({ asked: target.model, answered });
  const isOwn = price?.listed !== undefined;
  if (upstream.reportsCost && !isOwn && usage.reportedPicodollars !== undefined)
    return reportedCharge(usage, usage.reportedPicodollars);
  const made = charge(usage, price, dimensions);
  return chargeOfOthers(made, usage, (model) => find({ asked: model, answered: model }));
};

/**
 * The account of an attempt that is over. A provider that refused billed nothing; one that fell silent, was cut off or
 * was left may well have, so its tokens are counted.
 */
export const attemptRecord = (
  start: AttemptStart,
  observed: Observation,
  end: { readonly status: number; readonly endedMs: number; readonly fault: Fault | null },
): Attempt => {
  const { upstream, target, startedMs } = start;
  const { status, endedMs, fault } = end;
  const reading = observed.reading();
  const billable = fault === null || fault.mayBeBilled || reading.firstContentMs !== null;
  const { usage: read, source } = billable
    ? observed.usage(() => start.inputTokens())
    : ({ usage: noUsage, source: 'none' } as const);
  const modelAnswered = reading.model === '' ? target.model : reading.model;
  const usage = withOwnPasses(read, [target.model, modelAnswered]);
  const dimensions = dimensionsOf(start.asked, modelAnswered, usage.dimensions);
  return {
    target,
    genAiProvider: upstream.genAiProvider,
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
    dimensions,
    charge:
      source === 'none'
        ? noCharge
        : chargeOf(start, usage, { answered: modelAnswered, dimensions }),
    wasteReason: '',
    chunks: reading.chunks,
    maxGapMs: reading.maxGapMs,
  };
};
