/**
 * What a row has in common with the rows of other calls of its kind. The columns that show it are projected from this alone,
 * so that their text can be made once for all of them (`row-template.ts`).
 */
import type { Caller } from '../model/call.ts';
import type { Attempt, Settlement } from '../model/settlement.ts';

/** What recurs of a call. */
export interface CallShape {
  readonly replica: string;
  readonly caller: Caller | null;
  readonly operation: string;
  readonly dialect: string;
  readonly route: string;
  readonly modelRequested: string;
  readonly stream: boolean;
  readonly outcome: string;
  readonly httpStatus: number;
  readonly errorCode: string;
  readonly errorOrigin: string;
  readonly streamOutcome: string;
  readonly cacheStatus: string;
  readonly priceVersion: string;
}

/** What recurs of an attempt. */
export interface AttemptShape {
  readonly provider: string;
  readonly model: string;
  readonly account: string;
  readonly region: string;
  readonly modelAnswered: string;
  readonly serviceTier: string;
  readonly speed: string;
  readonly inferenceGeo: string;
  readonly status: number;
  readonly error: string;
  readonly finishReason: string;
  readonly usageSource: string;
  readonly wasteReason: string;
  readonly priceId: string;
  readonly priceStatus: string;
}

/** Of the rows that a replica writes for calls like this one. */
export const callShape = (settlement: Settlement, replica: string): CallShape => {
  const { call } = settlement;
  return {
    replica,
    caller: call.caller,
    operation: call.operation,
    dialect: call.dialect,
    route: call.route,
    modelRequested: call.parameters?.model ?? '',
    stream: call.parameters?.stream ?? false,
    outcome: settlement.outcome,
    httpStatus: settlement.httpStatus,
    errorCode: settlement.errorCode,
    errorOrigin: settlement.errorOrigin,
    streamOutcome: settlement.streamOutcome,
    cacheStatus: settlement.cacheStatus,
    priceVersion: settlement.priceVersion,
  };
};

/** The one that the reply names, else the one that was asked for. */
const tierOf = ({ usage, dimensions }: Attempt): string =>
  usage.serviceTier ?? dimensions.service_tier ?? '';

export const attemptShape = (attempt: Attempt): AttemptShape => ({
  provider: attempt.target.provider,
  model: attempt.target.model,
  account: attempt.account,
  region: attempt.region,
  modelAnswered: attempt.modelAnswered,
  serviceTier: tierOf(attempt),
  speed: attempt.dimensions.speed ?? '',
  inferenceGeo: attempt.dimensions.inference_geo ?? '',
  status: attempt.status,
  error: attempt.error,
  finishReason: attempt.finishReason,
  usageSource: attempt.usageSource,
  wasteReason: attempt.wasteReason,
  priceId: attempt.charge.priceId,
  priceStatus: attempt.charge.priceStatus,
});

/**
 * Whether `callShape` would say the same of this call. By hand, because every call asks it: a look at fields by their names
 * costs five times as much.
 */
export const hasCallShape = (shape: CallShape, settlement: Settlement, replica: string): boolean =>
  shape.replica === replica &&
  shape.caller === settlement.call.caller &&
  shape.operation === settlement.call.operation &&
  shape.dialect === settlement.call.dialect &&
  shape.route === settlement.call.route &&
  shape.modelRequested === (settlement.call.parameters?.model ?? '') &&
  shape.stream === (settlement.call.parameters?.stream ?? false) &&
  shape.outcome === settlement.outcome &&
  shape.httpStatus === settlement.httpStatus &&
  shape.errorCode === settlement.errorCode &&
  shape.errorOrigin === settlement.errorOrigin &&
  shape.streamOutcome === settlement.streamOutcome &&
  shape.cacheStatus === settlement.cacheStatus &&
  shape.priceVersion === settlement.priceVersion;

/** Whether `attemptShape` would say the same of this attempt. */
export const hasAttemptShape = (shape: AttemptShape, attempt: Attempt): boolean =>
  shape.provider === attempt.target.provider &&
  shape.model === attempt.target.model &&
  shape.account === attempt.account &&
  shape.region === attempt.region &&
  shape.modelAnswered === attempt.modelAnswered &&
  shape.serviceTier === tierOf(attempt) &&
  shape.speed === (attempt.dimensions.speed ?? '') &&
  shape.inferenceGeo === (attempt.dimensions.inference_geo ?? '') &&
  shape.status === attempt.status &&
  shape.error === attempt.error &&
  shape.finishReason === attempt.finishReason &&
  shape.usageSource === attempt.usageSource &&
  shape.wasteReason === attempt.wasteReason &&
  shape.priceId === attempt.charge.priceId &&
  shape.priceStatus === attempt.charge.priceStatus;
