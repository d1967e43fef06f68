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
import { noMoney, plus, usdText } from '../../model/money.ts';
import type { Attempt, Settlement } from '../../model/settlement.ts';
import { inputTokens, outputTokens } from '../../model/usage.ts';

const scope: InstrumentationScope = { name: '@tollgate/gateway', schemaUrl };

/** Split, because a double cannot hold epoch nanoseconds. */
const hrTime = (epochMs: number): HrTime => {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)];
};

const context = (traceId: string, spanId: string): SpanContext => ({
  traceId,
  spanId,
  // Tail sampling decides later and needs every span, whatever the caller's own sampler said.
  traceFlags: TraceFlags.SAMPLED,
});

/** Sets only what has a value, so that a span holds no empty attributes. */
const filled = (
  pairs: readonly (readonly [string, string | number | boolean | string[] | null])[],
): Attributes => {
  const attributes: Attributes = {};
  for (const [name, value] of pairs) {
    if (value !== null && value !== '') attributes[name] = value;
  }
  return attributes;
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

const span = (shape: Shape): ReadableSpan => ({
  name: shape.name,
  kind: shape.kind,
  spanContext: () => shape.context,
  ...(shape.parent === null ? {} : { parentSpanContext: shape.parent }),
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
});

const routes = {
  openai: { chat: '/v1/chat/completions', embeddings: '/v1/embeddings' },
  anthropic: { chat: '/v1/messages', embeddings: '' },
} as const;

const statusCodes = {
  ok: SpanStatusCode.OK,
  unset: SpanStatusCode.UNSET,
  error: SpanStatusCode.ERROR,
} as const;

const attemptSpan = (
  settlement: Settlement,
  attempt: Attempt,
  index: number,
  resource: Resource,
): ReadableSpan => {
  const { call } = settlement;
  const { tokens } = attempt.usage;
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
    attributes: filled([
      [attribute.operation, call.operation],
      [attribute.provider, attempt.system],
      [attribute.requestModel, attempt.target.model],
      [attribute.requestStream, call.ask?.stream === true ? true : null],
      [attribute.requestMaxTokens, call.ask?.maxTokens ?? null],
      [attribute.requestTemperature, call.ask?.temperature ?? null],
      [attribute.requestTopP, call.ask?.topP ?? null],
      [attribute.responseId, attempt.upstreamId],
      [attribute.responseModel, attempt.modelAnswered],
      [attribute.finishReasons, attempt.finishReason === '' ? null : [attempt.finishReason]],
      [
        attribute.timeToFirstChunk,
        attempt.firstTokenMs === null ? null : attempt.firstTokenMs / 1000,
      ],
      [attribute.inputTokens, inputTokens(tokens)],
      [attribute.outputTokens, outputTokens(tokens)],
      [attribute.cacheReadTokens, tokens.input_cache_read || null],
      [
        attribute.cacheWriteTokens,
        tokens.input_cache_write_5m + tokens.input_cache_write_1h || null,
      ],
      [attribute.reasoningTokens, tokens.output_reasoning || null],
      [attribute.serverAddress, attempt.serverAddress],
      [attribute.serverPort, attempt.serverPort || null],
      [attribute.httpStatus, attempt.status || null],
      [attribute.errorType, attempt.error],
      [attribute.usageSource, attempt.usageSource],
      [attribute.priceStatus, attempt.charge.priceStatus],
      [attribute.costUsd, Number(usdText(attempt.charge.total))],
      [attribute.costPicodollars, attempt.charge.total.toString()],
      [attribute.attempt, index + 1],
    ]),
  });
};

/** The spans of one settled call, parents first. */
export const spansOf = (settlement: Settlement, resource: Resource): readonly ReadableSpan[] => {
  const { call, outcome, attempts } = settlement;
  const { trace, caller, identity } = call;
  const route = routes[call.dialect][call.operation];
  const cost = attempts.reduce((sum, a) => plus(sum, a.charge.total), noMoney);
  const attributes = filled([
    [attribute.httpMethod, 'POST'],
    [attribute.httpRoute, route],
    [attribute.httpStatus, settlement.httpStatus],
    [attribute.operation, call.operation],
    [attribute.requestModel, call.ask?.model ?? ''],
    [attribute.provider, attempts.at(-1)?.system ?? ''],
    [attribute.conversation, identity.session],
    [attribute.agentName, identity.agent],
    [attribute.user, identity.user],
    [attribute.team, caller?.team ?? ''],
    [attribute.app, caller?.app ?? ''],
    [attribute.keyId, caller?.keyId ?? ''],
    [attribute.namespace, caller?.namespace ?? ''],
    [attribute.callId, call.id],
    [attribute.outcome, outcome],
    [attribute.errorOrigin, settlement.errorOrigin],
    [attribute.errorCode, settlement.errorCode],
    [attribute.errorType, settlement.errorCode],
    [attribute.streamOutcome, settlement.streamOutcome],
    [attribute.costUsd, Number(usdText(cost))],
    [attribute.costPicodollars, cost.toString()],
    [attribute.attempts, attempts.length],
  ]);
  for (const [tag, value] of Object.entries(identity.tags))
    attributes[attribute.tagPrefix + tag] = value;
  const code = statusCodes[outcomes[outcome].span];
  const root = span({
    name: `POST ${route}`,
    kind: SpanKind.SERVER,
    context: context(trace.traceId, trace.spanId),
    parent:
      trace.parentSpanId === null
        ? null
        : { ...context(trace.traceId, trace.parentSpanId), isRemote: true },
    startMs: call.startedAtMs,
    durationMs: settlement.durationMs,
    status: code === SpanStatusCode.ERROR ? { code, message: settlement.errorMessage } : { code },
    attributes,
    resource,
  });
  return [root, ...attempts.map((attempt, i) => attemptSpan(settlement, attempt, i, resource))];
};
