import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcomes } from '../../../gateway/src/contract/outcomes.ts';
import { attribute } from '../../../gateway/src/contract/spans.ts';
import { spansOf, type AttributeValue, type Span } from '../../../gateway/src/projections/spans.ts';
import { inputTokens, outputTokens } from '../../../gateway/src/model/usage.ts';
import { anySettlement } from '../model/any-settlement.ts';
import { someAttempt, someSettlement } from '../model/settlements.ts';

const attributesOf = (span: Span | undefined): Record<string, AttributeValue | undefined> => {
  const { names = [], values = [] } = span?.attributes ?? {};
  expect(values).toHaveLength(names.length);
  expect(new Set(names).size).toBe(names.length);
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
};

test('a plain call is a server span with one client span below it', () => {
  const [root, attempt, ...more] = spansOf(someSettlement);
  expect(more).toEqual([]);
  expect(root).toMatchObject({
    name: 'POST /v1/chat/completions',
    kind: 'server',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    parent: { spanId: 'b7ad6b7169203331', remote: true },
    startMs: 1_732_300_000_192,
    durationMs: 815.75,
    status: 'ok',
  });
  expect(attributesOf(root)).toEqual({
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
    kind: 'client',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    parent: { spanId: '00f067aa0ba902b7', remote: false },
    startMs: 1_732_300_000_193.25,
    durationMs: 812.5,
    status: 'unset',
  });
  expect(attributesOf(attempt)).toEqual({
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

test('one trace: attempts hang below the call, no time runs backwards, nothing is empty', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const spans = spansOf(settlement);
      const [root, ...attempts] = spans;
      expect(attempts).toHaveLength(settlement.attempts.length);
      for (const span of spans) {
        expect(span.traceId).toBe(settlement.call.trace.traceId);
        expect(span.durationMs).toBeGreaterThanOrEqual(0);
        expect(span.attributes.values).not.toContain('');
        expect(Object.values(attributesOf(span))).not.toContain(undefined);
      }
      for (const [i, span] of attempts.entries()) {
        expect(span.parent).toEqual({ spanId: root?.spanId, remote: false });
        const { usage, charge } = settlement.attempts[i] ?? someAttempt;
        const attributes = attributesOf(span);
        expect(attributes[attribute.inputTokens]).toBe(inputTokens(usage.tokens));
        expect(attributes[attribute.outputTokens]).toBe(outputTokens(usage.tokens));
        expect(attributes[attribute.costPicodollars]).toBe(String(charge.total));
      }
      const total = settlement.attempts.reduce((sum, { charge }) => sum + charge.total, 0n);
      expect(attributesOf(root)[attribute.costPicodollars]).toBe(String(total));
    }),
  );
});

test.each(Object.entries(outcomes))('%s: the status its row says', (outcome, { span }) => {
  const [root] = spansOf({
    ...someSettlement,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key of the table
    outcome: outcome as keyof typeof outcomes,
    errorMessage: 'what went wrong',
  });
  expect(root).toMatchObject({
    status: span,
    statusMessage: span === 'error' ? 'what went wrong' : '',
  });
});

test('a failed attempt is an error with its kind, whatever became of the call', () => {
  const attempts = [
    { ...someAttempt, error: 'timeout' as const, errorMessage: 'no answer', status: 0 },
    someAttempt,
  ];
  const [, first, second] = spansOf({ ...someSettlement, attempts });
  expect(first).toMatchObject({ status: 'error', statusMessage: 'no answer' });
  expect(attributesOf(first)).toMatchObject({ [attribute.errorType]: 'timeout' });
  expect(attributesOf(first)).not.toHaveProperty([attribute.httpStatus]);
  expect([first, second].map((span) => attributesOf(span)[attribute.attempt])).toEqual([1, 2]);
  expect(second).toMatchObject({ status: 'unset', statusMessage: '' });
});

test('a call that begins its trace has no parent', () => {
  const trace = { ...someSettlement.call.trace, parentSpanId: null };
  const [root] = spansOf({ ...someSettlement, call: { ...someSettlement.call, trace } });
  expect(root?.parent).toBeNull();
});

test('the state that the caller passes along its trace is on every span of the call', () => {
  const trace = { ...someSettlement.call.trace, traceState: 'vendor=1,other=2' };
  const spans = spansOf({ ...someSettlement, call: { ...someSettlement.call, trace } });
  expect(spans.map(({ traceState }) => traceState)).toEqual(spans.map(() => 'vendor=1,other=2'));
});
