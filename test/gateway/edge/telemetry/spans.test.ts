import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcomes } from '../../../../gateway/src/contract/outcomes.ts';
import { attribute } from '../../../../gateway/src/contract/spans.ts';
import { spansOf } from '../../../../gateway/src/edge/telemetry/spans.ts';
import { inputTokens, outputTokens } from '../../../../gateway/src/model/usage.ts';
import { anySettlement } from '../../model/any-settlement.ts';
import { someAttempt, someSettlement } from '../../model/settlements.ts';

const resource = resourceFromAttributes({ 'service.name': 'test' });
const nanos = ([seconds, rest]: readonly [number, number]): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest);

test('a plain call is a server span with one client span below it', () => {
  const [root, attempt, ...more] = spansOf(someSettlement, resource);
  expect(more).toEqual([]);
  expect(root).toMatchObject({
    name: 'POST /v1/chat/completions',
    kind: SpanKind.SERVER,
    parentSpanContext: { spanId: 'b7ad6b7169203331', isRemote: true },
    startTime: [1_732_300_000, 192_000_000],
    endTime: [1_732_300_001, 7_750_000],
    duration: [0, 815_750_000],
    status: { code: SpanStatusCode.OK },
    resource,
  });
  expect(root?.spanContext()).toEqual({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    traceFlags: 1,
  });
  expect(root?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'http.response.status_code': 200,
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-4o-mini',
    'gen_ai.provider.name': 'openai',
    'gen_ai.conversation.id': 'session-9',
    'gen_ai.agent.name': 'planner',
    'enduser.id': 'user-3',
    'tollgate.caller.team': 'shop',
    'tollgate.caller.app': 'checkout',
    'tollgate.caller.key_id': 'key-1',
    'tollgate.caller.namespace': 'default',
    'tollgate.call.id': '0193549c-d1c0-7000-8000-00000000002a',
    'tollgate.outcome': 'answered',
    'tollgate.stream.outcome': 'complete',
    'tollgate.cost.usd': 0.000345000001,
    'tollgate.cost.picodollars': '345000001',
    'tollgate.attempts': 1,
    'tollgate.tag.feature': 'search',
    'tollgate.tag.release': '12',
  });
  expect(attempt).toMatchObject({
    name: 'chat gpt-4o-mini',
    kind: SpanKind.CLIENT,
    parentSpanContext: { spanId: '00f067aa0ba902b7' },
    startTime: [1_732_300_000, 193_250_000],
    duration: [0, 812_500_000],
    status: { code: SpanStatusCode.UNSET },
  });
  expect(attempt?.attributes).toEqual({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o-mini',
    'gen_ai.request.stream': true,
    'gen_ai.request.max_tokens': 256,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.response.id': 'chatcmpl-1',
    'gen_ai.response.model': 'gpt-4o-mini-2024-07-18',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.response.time_to_first_chunk': 0.21075,
    'gen_ai.usage.input_tokens': 1200,
    'gen_ai.usage.output_tokens': 300,
    'gen_ai.usage.cache_read.input_tokens': 200,
    'server.address': 'api.openai.com',
    'server.port': 443,
    'http.response.status_code': 200,
    'tollgate.usage.source': 'provider',
    'tollgate.price.status': 'priced',
    'tollgate.cost.usd': 0.000345000001,
    'tollgate.cost.picodollars': '345000001',
    'tollgate.attempt': 1,
  });
});

test('one trace: attempts hang below the call, times are valid and ordered, nothing is empty', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const spans = spansOf(settlement, resource);
      const [root, ...attempts] = spans;
      expect(attempts).toHaveLength(settlement.attempts.length);
      for (const span of spans) {
        expect(span.spanContext().traceId).toBe(settlement.call.trace.traceId);
        for (const time of [span.startTime, span.endTime, span.duration]) {
          expect(time.every(Number.isInteger)).toBe(true);
          expect(time[1]).toBeGreaterThanOrEqual(0);
          expect(time[1]).toBeLessThan(1_000_000_000);
        }
        expect(nanos(span.endTime) >= nanos(span.startTime)).toBe(true);
        expect(Object.values(span.attributes)).not.toContain('');
        expect(Object.values(span.attributes)).not.toContain(null);
        expect(Object.values(span.attributes)).not.toContain(undefined);
      }
      for (const [i, span] of attempts.entries()) {
        expect(span.parentSpanContext?.spanId).toBe(root?.spanContext().spanId);
        const { usage, charge } = settlement.attempts[i] ?? someAttempt;
        expect(span.attributes[attribute.inputTokens]).toBe(inputTokens(usage.tokens));
        expect(span.attributes[attribute.outputTokens]).toBe(outputTokens(usage.tokens));
        expect(span.attributes[attribute.costPicodollars]).toBe(String(charge.total));
      }
      const total = settlement.attempts.reduce((sum, { charge }) => sum + charge.total, 0n);
      expect(root?.attributes[attribute.costPicodollars]).toBe(String(total));
    }),
  );
});

test.each(Object.entries(outcomes))('%s: the status its row says', (outcome, { span }) => {
  const [root] = spansOf(
    {
      ...someSettlement,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key of the table
      outcome: outcome as keyof typeof outcomes,
      errorMessage: 'what went wrong',
    },
    resource,
  );
  expect(root?.status).toEqual(
    span === 'error'
      ? { code: SpanStatusCode.ERROR, message: 'what went wrong' }
      : { code: span === 'ok' ? SpanStatusCode.OK : SpanStatusCode.UNSET },
  );
});

test('a failed attempt is an error with its kind, whatever became of the call', () => {
  const attempts = [
    { ...someAttempt, error: 'timeout' as const, errorMessage: 'no answer', status: 0 },
    someAttempt,
  ];
  const [, first, second] = spansOf({ ...someSettlement, attempts }, resource);
  expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no answer' });
  expect(first?.attributes[attribute.errorType]).toBe('timeout');
  expect(first?.attributes[attribute.httpStatus]).toBeUndefined();
  expect([first, second].map((span) => span?.attributes[attribute.attempt])).toEqual([1, 2]);
  expect(second?.status).toEqual({ code: SpanStatusCode.UNSET });
});

test('a call that begins its trace has no parent', () => {
  const trace = { ...someSettlement.call.trace, parentSpanId: null };
  const [root] = spansOf({ ...someSettlement, call: { ...someSettlement.call, trace } }, resource);
  expect(root?.parentSpanContext).toBeUndefined();
});

test('a time that rounds up to a whole second is one: there are no 1,000,000,000 nanoseconds', () => {
  const [root] = spansOf({ ...someSettlement, durationMs: 3999.999_999_9 }, resource);
  expect(root?.duration).toEqual([4, 0]);
});
