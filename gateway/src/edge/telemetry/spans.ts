/** Settlement -> spans. Pure: one SERVER span for the call, one CLIENT span for each attempt at a provider. */
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { outcomes } from '../../contract/outcomes.ts';
import { attribute, schemaUrl } from '../../contract/spans.ts';
import { surfaces } from '../../contract/surfaces.ts';
import type { DialectName, Operation } from '../../model/call.ts';
import { usdNumber } from '../../model/money.ts';
import { costOfAttempts, type Attempt, type Settlement } from '../../model/settlement.ts';
import { inputTokens, outputTokens } from '../../model/usage.ts';

const scope: InstrumentationScope = { name: '@tollgate/gateway', schemaUrl };

/** Split, because a double cannot hold epoch nanoseconds. */
const hrTime = (epochMs: number): HrTime => {
  const ms = Math.floor(epochMs);
  const nanos = Math.round((epochMs - ms) * 1e6);
  const seconds = Math.floor(ms / 1000);
  // What rounds up to a whole second is one.
  const rest = (ms - seconds * 1000) * 1e6 + nanos;
  return rest === 1e9 ? [seconds + 1, 0] : [seconds, rest];
};

const context = (traceId: string, spanId: string): SpanContext => ({
  traceId,
  spanId,
  // Tail sampling decides later and needs every span, whatever the caller's own sampler said.
  traceFlags: TraceFlags.SAMPLED,
});

/** Without a prototype it is a hash table from the start, which takes many different keys twice as fast. */
const noAttributes = (): Attributes => Object.create(null);

type Value = string | number | boolean | string[];

/** Sets only what has a value, so that a span holds no empty attributes. */
const put = (into: Attributes, name: string, value: Value | null): void => {
  if (value !== null && value !== '') into[name] = value;
};

interface Shape {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parent: SpanContext | null;
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: { code: SpanStatusCode; message?: string };
  readonly attributes: Attributes;
  readonly resource: Resource;
}

type Unfinished = { -readonly [K in keyof ReadableSpan]: ReadableSpan[K] };

const span = (shape: Shape): ReadableSpan => {
  const made: Unfinished = {
    name: shape.name,
    kind: shape.kind,
    spanContext: () => shape.context,
    startTime: hrTime(shape.startMs),
    endTime: hrTime(shape.startMs + shape.durationMs),
    duration: hrTime(shape.durationMs),
    status: shape.status,
    attributes: shape.attributes,
    links: [],
    events: [],
    ended: true,
    resource: shape.resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  if (shape.parent !== null) made.parentSpanContext = shape.parent;
  return made;
};

const routeOf = (dialect: DialectName, operation: Operation): string =>
  surfaces.find((surface) => surface.dialect === dialect && surface.operation === operation)
    ?.path ?? '';

const statusCodes = {
  ok: SpanStatusCode.OK,
  unset: SpanStatusCode.UNSET,
  error: SpanStatusCode.ERROR,
} as const;

const attemptAttributes = ({ call }: Settlement, attempt: Attempt, index: number): Attributes => {
  const { tokens } = attempt.usage;
  const a = noAttributes();
  put(a, attribute.operation, call.operation);
  put(a, attribute.provider, attempt.system);
  put(a, attribute.requestModel, attempt.target.model);
  put(a, attribute.inputTokens, inputTokens(tokens));
  put(a, attribute.outputTokens, outputTokens(tokens));
  put(a, attribute.usageSource, attempt.usageSource);
  put(a, attribute.priceStatus, attempt.charge.priceStatus);
  put(a, attribute.costUsd, usdNumber(attempt.charge.total));
  put(a, attribute.costPicodollars, attempt.charge.total.toString());
  put(a, attribute.attempt, index + 1);
  put(a, attribute.requestStream, call.ask?.stream === true ? true : null);
  put(a, attribute.requestMaxTokens, call.ask?.maxTokens ?? null);
  put(a, attribute.requestTemperature, call.ask?.temperature ?? null);
  put(a, attribute.requestTopP, call.ask?.topP ?? null);
  put(a, attribute.responseId, attempt.upstreamId);
  put(a, attribute.responseModel, attempt.modelAnswered);
  put(a, attribute.finishReasons, attempt.finishReason === '' ? null : [attempt.finishReason]);
  put(
    a,
    attribute.timeToFirstChunk,
    attempt.firstTokenMs === null ? null : attempt.firstTokenMs / 1000,
  );
  put(a, attribute.cacheReadTokens, tokens.input_cache_read || null);
  put(
    a,
    attribute.cacheWriteTokens,
    tokens.input_cache_write_5m + tokens.input_cache_write_1h || null,
  );
  put(a, attribute.reasoningTokens, tokens.output_reasoning || null);
  put(a, attribute.serverAddress, attempt.serverAddress);
  put(a, attribute.serverPort, attempt.serverPort || null);
  put(a, attribute.httpStatus, attempt.status || null);
  put(a, attribute.errorType, attempt.error);
  return a;
};

const attemptSpan = (
  settlement: Settlement,
  attempt: Attempt,
  index: number,
  resource: Resource,
): ReadableSpan => {
  const { call } = settlement;
  return span({
    name: `${call.operation} ${attempt.target.model}`,
    kind: SpanKind.CLIENT,
    context: context(call.trace.traceId, attempt.spanId),
    parent: context(call.trace.traceId, call.trace.spanId),
    startMs: call.startedAtMs + attempt.offsetMs,
    durationMs: attempt.durationMs,
    status:
      attempt.error === ''
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: attempt.errorMessage },
    resource,
    attributes: attemptAttributes(settlement, attempt, index),
  });
};

const callAttributes = (settlement: Settlement): Attributes => {
  const { call, attempts, outcome } = settlement;
  const { caller, identity } = call;
  const cost = costOfAttempts(attempts);
  const a = noAttributes();
  put(a, attribute.httpMethod, 'POST');
  put(a, attribute.httpStatus, settlement.httpStatus);
  put(a, attribute.operation, call.operation);
  put(a, attribute.callId, call.id);
  put(a, attribute.outcome, outcome);
  put(a, attribute.costUsd, usdNumber(cost));
  put(a, attribute.costPicodollars, cost.toString());
  put(a, attribute.attempts, attempts.length);
  put(a, attribute.httpRoute, routeOf(call.dialect, call.operation));
  put(a, attribute.requestModel, call.ask?.model ?? '');
  put(a, attribute.provider, attempts.at(-1)?.system ?? '');
  put(a, attribute.conversation, identity.session);
  put(a, attribute.agentName, identity.agent);
  put(a, attribute.user, identity.user);
  put(a, attribute.team, caller?.team ?? '');
  put(a, attribute.app, caller?.app ?? '');
  put(a, attribute.keyId, caller?.keyId ?? '');
  put(a, attribute.namespace, caller?.namespace ?? '');
  put(a, attribute.errorOrigin, settlement.errorOrigin);
  put(a, attribute.errorCode, settlement.errorCode);
  put(a, attribute.errorType, settlement.errorCode);
  put(a, attribute.streamOutcome, settlement.streamOutcome);
  for (const tag in identity.tags) put(a, attribute.tagPrefix + tag, identity.tags[tag] ?? '');
  return a;
};

/** The spans of one settled call, parents first. */
export const spansOf = (settlement: Settlement, resource: Resource): readonly ReadableSpan[] => {
  const { call, outcome, attempts } = settlement;
  const { trace } = call;
  const code = statusCodes[outcomes[outcome].span];
  const root = span({
    name: `POST ${routeOf(call.dialect, call.operation)}`,
    kind: SpanKind.SERVER,
    context: context(trace.traceId, trace.spanId),
    parent:
      trace.parentSpanId === null
        ? null
        : { ...context(trace.traceId, trace.parentSpanId), isRemote: true },
    startMs: call.startedAtMs,
    durationMs: settlement.durationMs,
    status: code === SpanStatusCode.ERROR ? { code, message: settlement.errorMessage } : { code },
    attributes: callAttributes(settlement),
    resource,
  });
  return [root, ...attempts.map((attempt, i) => attemptSpan(settlement, attempt, i, resource))];
};
