/** Requests of many tiny traces: bounded, and worked off in slices with everybody else's turns in between. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manySpans, postTraces, requestOf, startRouter, traceIdOf } from '../router.ts';
import type { RunningRouter } from '../router.ts';

let router: RunningRouter;
beforeAll(async () => {
  router = await startRouter({
    members: 'builtin',
    receive: { maxSpans: 30_000, maxJson: '10000B' },
    sampler: {
      numTraces: 1000,
      policies: [
        { name: 'none', type: 'probabilistic', probabilistic: { sampling_percentage: 0 } },
      ],
    },
  });
});
afterAll(async () => {
  expect(await router.stop()).toBe(0);
});

/** So many traces of one span. */
const tinyTraces = (from: number, to: number): Buffer =>
  requestOf(Array.from({ length: to - from }, (_, i) => ({ trace: from + i, span: from + i })));

test('a request of many traces is taken whole, and a small one that comes later is answered before it', async () => {
  const order: string[] = [];
  const large = tinyTraces(0, 30_000);
  const first = postTraces(router.http, large).then(({ status }) => {
    order.push('large');
    return status;
  });
  const small = async (n: number): Promise<number> => {
    const { status } = await postTraces(router.http, tinyTraces(100_000 + n, 100_001 + n));
    order.push('small');
    return status;
  };
  const smalls: number[] = [];
  for (let n = 0; !order.includes('large'); n += 1) smalls.push(await small(n));
  expect(await first).toBe(200);
  expect(new Set(smalls)).toEqual(new Set([200]));
  // One may come before the large one is whole, one after its end.
  expect(order.indexOf('large')).toBeGreaterThan(2);
  expect(await router.metric('trace_router_spans_total', { outcome: 'accepted' })).toBe(
    30_000 + smalls.length,
  );
});

test('of more spans than a request may have nothing is taken', async () => {
  const before = await router.metric('trace_router_spans_total', { outcome: 'accepted' });
  const { status } = await postTraces(router.http, tinyTraces(200_000, 230_001));
  expect(status).toBe(413);
  expect(await router.metric('trace_router_spans_total', { outcome: 'accepted' })).toBe(before);
  expect(await router.metric('trace_router_refusals_total', { reason: 'spans' })).toBe(1);
});

test('JSON has a bound of its own', async () => {
  const span = { traceId: traceIdOf(1), spanId: '00000000000000aa', name: 'x'.repeat(10_000) };
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const headers = { 'content-type': 'application/json' };
  expect((await postTraces(router.http, Buffer.from(body), headers)).status).toBe(413);
  expect((await postTraces(router.http, manySpans(0, 200))).status).toBe(200);
});
