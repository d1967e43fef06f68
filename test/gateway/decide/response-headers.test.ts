import { expect, test } from 'vitest';
import {
  attemptHeaders,
  droppedHeader,
  replyHeaders,
} from '../../../gateway/src/decide/response-headers.ts';
import { toldBy } from '../../../gateway/src/decide/told.ts';
import { toPicodollars } from '../../../gateway/src/model/money.ts';
import { someSettlement } from '../model/settlements.ts';

const told = toldBy(
  (text) => text.replaceAll('secret', '***'),
  () => {},
);
const arrival = { ...someSettlement.call, startedMs: 1000 };
const of = (passes: boolean) => ({
  passes,
  target: { provider: 'p', model: 'm' },
  forwarded: [],
  told,
  headers: {},
  dropped: [],
});

test.each([
  ['text/event-stream; charset=x', true, true, 'text/event-stream; charset=x'],
  ['text/event-stream', true, false, 'text/event-stream; charset=utf-8'],
  ['application/json', true, true, 'text/event-stream; charset=utf-8'],
  ['application/vnd.amazon.eventstream', true, true, 'text/event-stream; charset=utf-8'],
  ['application/json; charset=secret', false, true, 'application/json; charset=***'],
  ['', false, true, 'application/json'],
])('content type %j, stream %s, passed %s -> %s', (contentType, isStream, passes, expected) => {
  const headers = attemptHeaders({ contentType, headers: {}, isStream }, of(passes));
  expect(headers['content-type']).toBe(expected);
});

test('what was left out is named: fields, and beta headers that the provider does not understand', () => {
  const headers = { 'anthropic-beta': 'a', 'openai-beta': 'b' };
  expect(droppedHeader(headers, ['openai-beta'], ['metadata'])).toEqual({
    'x-tollgate-dropped': 'anthropic-beta, metadata',
  });
  expect(droppedHeader(headers, ['openai-beta', 'anthropic-beta'], [])).toEqual({});
});

const head = { isStream: false, headers: { 'content-type': 'application/json' } };
const delivering = { stream: false, tries: 2, cache: 'off', elsewhereMs: () => 30 } as const;
const whole = { lengthBytes: 5, cost: toPicodollars(1_500_000n), isDurable: true };

test('a whole reply tells its length, its cost and what the gateway added to the wait', () => {
  const headers = replyHeaders(head, { arrival, delivering, whole, nowMs: 1042.5 });
  expect(headers).toMatchObject({
    'x-tollgate-call-id': arrival.id,
    'x-tollgate-attempts': '2',
    'x-tollgate-cache': 'off',
    'x-tollgate-cost-usd': '0.0000015',
    'x-tollgate-overhead-ms': '12.50',
    'content-length': '5',
  });
});

test('a cost that a crash could still change is not told, nor that of a stream', () => {
  const unsure = { arrival, delivering, whole: { ...whole, isDurable: false }, nowMs: 1042 };
  expect(replyHeaders(head, unsure)).not.toHaveProperty('x-tollgate-cost-usd');
  const stream = { ...delivering, stream: true };
  for (const known of [null, whole]) {
    const headers = replyHeaders(head, { arrival, delivering: stream, whole: known, nowMs: 1042 });
    expect(headers).not.toHaveProperty('x-tollgate-cost-usd');
    expect(headers).not.toHaveProperty('content-length');
    expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  }
});
