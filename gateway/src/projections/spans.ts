/** Settlement -> spans. Pure: one SERVER span for the call, one CLIENT span for each attempt at a provider. */
import { outcomes } from '../contract/outcomes.ts';
import { attribute } from '../contract/spans.ts';
import { endpoints } from '../contract/endpoints.ts';
import type { DialectName, Operation } from '../model/call.ts';
import { usdNumber } from '../model/money.ts';
import { costOfAttempts, type Attempt, type Settlement } from '../model/settlement.ts';
import { inputTokens, outputTokens } from '../model/usage.ts';

export type AttributeValue = string | number | boolean | readonly string[];

/** Two lists of one length: half the objects of a list of pairs, for what is made dozens of times per call. */
export interface Attributes {
  readonly names: readonly string[];
  readonly values: readonly AttributeValue[];
}

/** An OpenTelemetry span, over. Ids in lower-case hex; every span is sampled, for tail sampling decides later. */
export interface Span {
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly traceId: string;
  readonly spanId: string;
  /** W3C `tracestate` as the caller sent it; empty: it sent none. */
  readonly traceState: string;
  /** `remote`: it belongs to another process. Null: this span begins the trace. */
  readonly parent: { readonly spanId: string; readonly remote: boolean } | null;
  /** Epoch milliseconds, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: 'unset' | 'ok' | 'error';
  readonly statusMessage: string;
  readonly attributes: Attributes;
}

const routeOf = (dialect: DialectName, operation: Operation): string =>
  endpoints.find((endpoint) => endpoint.dialect === dialect && endpoint.operation === operation)
    ?.path ?? '';

interface Gathered {
  readonly names: string[];
  readonly values: AttributeValue[];
}

/** Keeps only what has a value, so that a span holds no empty attributes. */
const put = (into: Gathered, name: string, value: AttributeValue | null): void => {
  if (value === null || value === '') return;
  into.names.push(name);
  into.values.push(value);
};

const attemptAttributes = ({ call }: Settlement, attempt: Attempt, index: number): Attributes => {
  const { tokens } = attempt.usage;
  const a: Gathered = { names: [], values: [] };
  put(a, attribute.operation, call.operation);
  put(a, attribute.provider, attempt.genAiProvider);
  put(a, attribute.requestModel, attempt.target.model);
  put(a, attribute.inputTokens, inputTokens(tokens));
  put(a, attribute.outputTokens, outputTokens(tokens));
  put(a, attribute.usageSource, attempt.usageSource);
  put(a, attribute.priceStatus, attempt.charge.priceStatus);
  put(a, attribute.costUsd, usdNumber(attempt.charge.total));
  put(a, attribute.costPicodollars, attempt.charge.total.toString());
  put(a, attribute.attempt, index + 1);
  put(a, attribute.requestStream, call.parameters?.stream === true ? true : null);
  put(a, attribute.requestMaxTokens, call.parameters?.maxTokens ?? null);
  put(a, attribute.requestTemperature, call.parameters?.temperature ?? null);
  put(a, attribute.requestTopP, call.parameters?.topP ?? null);
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
    tokens.input_cache_write + tokens.input_cache_write_long || null,
  );
  put(a, attribute.reasoningTokens, tokens.output_reasoning || null);
  put(a, attribute.serverAddress, attempt.serverAddress);
  put(a, attribute.serverPort, attempt.serverPort || null);
  put(a, attribute.httpStatus, attempt.status || null);
  put(a, attribute.errorType, attempt.error);
  return a;
};

const attemptSpan = (settlement: Settlement, attempt: Attempt, index: number): Span => {
  const { call } = settlement;
  const failed = attempt.error !== '';
  return {
    name: `${call.operation} ${attempt.target.model}`,
    kind: 'client',
    traceId: call.trace.traceId,
    spanId: attempt.spanId,
    traceState: call.trace.traceState ?? '',
    parent: { spanId: call.trace.spanId, remote: false },
    startMs: call.startedAtMs + attempt.offsetMs,
    durationMs: attempt.durationMs,
    status: failed ? 'error' : 'unset',
    statusMessage: failed ? attempt.errorMessage : '',
    attributes: attemptAttributes(settlement, attempt, index),
  };
};

const callAttributes = (settlement: Settlement): Attributes => {
  const { call, attempts, outcome } = settlement;
  const { caller, identity } = call;
  const cost = costOfAttempts(attempts);
  const a: Gathered = { names: [], values: [] };
  put(a, attribute.httpMethod, 'POST');
  put(a, attribute.httpStatus, settlement.httpStatus);
  put(a, attribute.operation, call.operation);
  put(a, attribute.callId, call.id);
  put(a, attribute.outcome, outcome);
  put(a, attribute.costUsd, usdNumber(cost));
  put(a, attribute.costPicodollars, cost.toString());
  put(a, attribute.attempts, attempts.length);
  put(a, attribute.httpRoute, routeOf(call.dialect, call.operation));
  put(a, attribute.requestModel, call.parameters?.model ?? '');
  put(a, attribute.provider, attempts.at(-1)?.genAiProvider ?? '');
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
export const spansOf = (settlement: Settlement): readonly Span[] => {
  const { call, outcome, attempts } = settlement;
  const { traceId, spanId, parentSpanId, traceState } = call.trace;
  const status = outcomes[outcome].span;
  const root: Span = {
    name: `POST ${routeOf(call.dialect, call.operation)}`,
    kind: 'server',
    traceId,
    spanId,
    traceState: traceState ?? '',
    parent: parentSpanId === null ? null : { spanId: parentSpanId, remote: true },
    startMs: call.startedAtMs,
    durationMs: settlement.durationMs,
    status,
    statusMessage: status === 'error' ? settlement.errorMessage : '',
    attributes: callAttributes(settlement),
  };
  return [root, ...attempts.map((attempt, i) => attemptSpan(settlement, attempt, i))];
};
