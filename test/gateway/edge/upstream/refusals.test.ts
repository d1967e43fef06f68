/** What a provider's refusal is to the client, to the next target and to what is written down. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { spansOf } from '../../../../gateway/src/projections/spans.ts';
import { key, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, type Reply } from '../http/http-client.ts';
import { rowJson } from '../../model/settlements.ts';
import { startScripted, wholeChat, json, type Upstream } from './scripted.ts';

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-*: openai, claude-*: anthropic }
retry: { triesPerTarget: 2, backoff: 1ms, backoffMax: 5ms }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const prompt = 'the prompt that a provider may quote';
const ask = (path: '/v1/chat/completions' | '/v1/messages', model: string): Promise<Reply> =>
  post(harness.url + path, key, {
    model,
    max_tokens: 5,
    messages: [{ role: 'user', content: prompt }],
  });
const openai = (model = 'gpt-x'): Promise<Reply> => ask('/v1/chat/completions', model);
const anthropic = (model = 'claude-x'): Promise<Reply> => ask('/v1/messages', model);
const answer = (status: number, body: string, headers: object = json): void =>
  upstream.answer((response) => void response.writeHead(status, { ...headers }).end(body));
const errorIn = ({ body }: Reply): unknown => {
  const parsed: { error?: unknown } = JSON.parse(body.toString());
  return parsed.error;
};
const booked = (reply: Reply): Promise<Settlement> =>
  harness.settled(headerOf(reply, 'x-tollgate-call-id'));

const openaiError = (status: number, error: object): void =>
  answer(status, `{ "error" : ${JSON.stringify(error)},\n "extra": 1e0 }`);

test.each([
  [400, 'context_length_exceeded'],
  [400, 'tool_use_failed'],
  [404, 'model_not_found'],
  [413, null],
  [422, 'unsupported_value'],
  [429, 'rate_limit_exceeded'],
  [429, 'insufficient_quota'],
  [498, 'capacity_exceeded'],
  [500, null],
  [503, null],
  [504, null],
])(
  'status %i, code %s: a client of the dialect reads status and body as they are',
  async (status, code) => {
    openaiError(status, {
      message: 'é \u2028 words',
      type: 't',
      param: 'messages',
      code,
      failed_generation: '<x>',
    });
    const reply = await openai();
    expect(reply.status).toBe(status);
    expect(reply.body.toString()).toBe(
      `{ "error" : ${JSON.stringify({ message: 'é \u2028 words', type: 't', param: 'messages', code, failed_generation: '<x>' })},\n "extra": 1e0 }`,
    );
    expect(headerOf(reply, 'x-tollgate-error-origin')).toMatch(/provider|network/);
    expect(headerOf(reply, 'x-should-retry')).toBe('false');
    expect((await booked(reply)).httpStatus).toBe(status);
  },
);

test("529 stays 529 for Anthropic's clients, with the id of the request", async () => {
  const body =
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_7"}';
  answer(529, body, {
    ...json,
    'request-id': 'req_7',
    'retry-after': '3',
    'anthropic-version': 'x',
    'set-cookie': 'a=b',
  });
  const reply = await anthropic();
  expect([reply.status, reply.body.toString()]).toEqual([529, body]);
  expect(reply.headers).toMatchObject({
    'request-id': 'req_7',
    'x-request-id': 'req_7',
    'retry-after': '3',
    'anthropic-version': 'x',
    'x-tollgate-error-code': 'provider_overloaded',
  });
  expect(reply.headers['set-cookie']).toBeUndefined();
});

test.each([401, 402, 403])('%i is about our account, and told in our words', async (status) => {
  openaiError(status, { message: 'Your account …', type: 'x', code: null });
  const reply = await openai();
  expect(reply.status).toBe(502);
  expect(reply.body.toString()).not.toContain('Your account');
  expect(headerOf(reply, 'x-tollgate-error-code')).toMatch(/^provider_(auth|account)$/);
});

test.each([
  [
    400,
    {
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      message: 'Too long.',
      param: 'messages',
    },
    400,
    {
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      message: 'prompt is too long: Too long.',
      param: 'messages',
    },
  ],
  [
    404,
    { type: 'invalid_request_error', code: 'model_not_found', message: 'No.', param: null },
    404,
    { type: 'not_found_error', code: 'model_not_found', message: 'No.', param: null },
  ],
  [
    429,
    { type: 'tokens', code: 'rate_limit_exceeded', message: 'Slow.', param: null },
    429,
    { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: 'Slow.', param: null },
  ],
  [
    498,
    { type: 'x', code: 'capacity_exceeded', message: 'Full.', param: null },
    429,
    { type: 'rate_limit_error', code: 'capacity_exceeded', message: 'Full.', param: null },
  ],
  [
    503,
    { type: 'server_error', code: null, message: 'Busy.', param: null },
    503,
    { type: 'overloaded_error', code: 'server_error', message: 'Busy.', param: null },
  ],
])('an OpenAI-like %i becomes an error of Anthropic: %j', async (status, said, becomes, error) => {
  openaiError(status, said);
  const reply = await anthropic('gpt-x');
  expect([reply.status, errorIn(reply)]).toEqual([becomes, error]);
});

test.each([
  [
    400,
    { type: 'invalid_request_error', message: 'prompt is too long: 9 tokens > 8 maximum' },
    400,
    {
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      message: 'prompt is too long: 9 tokens > 8 maximum',
      param: null,
    },
  ],
  [
    404,
    { type: 'not_found_error', message: 'model: x' },
    404,
    { type: 'invalid_request_error', code: 'model_not_found', message: 'model: x', param: null },
  ],
  [
    413,
    { type: 'request_too_large', message: 'Big.' },
    413,
    { type: 'invalid_request_error', code: 'request_too_large', message: 'Big.', param: null },
  ],
  [
    429,
    { type: 'rate_limit_error', message: 'Slow.' },
    429,
    { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: 'Slow.', param: null },
  ],
  [
    529,
    { type: 'overloaded_error', message: 'Busy.' },
    503,
    { type: 'server_error', code: 'overloaded_error', message: 'Busy.', param: null },
  ],
])('an Anthropic %i becomes an error of OpenAI: %j', async (status, said, becomes, error) => {
  answer(status, JSON.stringify({ type: 'error', error: said }));
  const reply = await openai('claude-x');
  expect([reply.status, errorIn(reply)]).toEqual([becomes, error]);
});

test.each([
  [{ message: 'Slow.', code: 429 }, 429, 'provider_rate_limited'],
  [{ message: 'Pay.', code: 402 }, 502, 'provider_account'],
  [{ message: 'Wrong.', type: 'invalid_request_error' }, 400, 'provider_refused'],
  [{ message: 'Busy.', type: 'overloaded_error' }, 529, 'provider_overloaded'],
  [{ message: 'Hm.' }, 502, 'provider_error'],
] as const)(
  'an error inside a reply with status 200, %j, is the status that it amounts to',
  async (error, status, code) => {
    openaiError(200, error);
    const reply = await openai();
    expect([reply.status, headerOf(reply, 'x-tollgate-error-code')]).toEqual([status, code]);
  },
);

test('a page of a proxy, an empty body, no text and a body without end are told in our form', async () => {
  for (const [body, headers] of [
    ['<html><script>alert(1)</script></html>', { 'content-type': 'text/html' }],
    ['', json],
    ['x'.repeat(100_000), json],
  ] as const) {
    answer(503, body, headers);
    const reply = await openai();
    expect(reply.status).toBe(503);
    expect(headerOf(reply, 'content-type')).toBe('application/json');
    expect(errorIn(reply)).toMatchObject({ code: 'provider_overloaded' });
    expect(reply.body.length).toBeLessThan(1000);
  }
});

test('plain words of a small server pass as they are', async () => {
  answer(404, '404 page not found', { 'content-type': 'text/plain; charset=utf-8' });
  const reply = await openai();
  expect([reply.status, reply.body.toString(), headerOf(reply, 'content-type')]).toEqual([
    404,
    '404 page not found',
    'text/plain; charset=utf-8',
  ]);
});

test('a client may try again itself when the provider asks for a longer pause than we wait', async () => {
  answer(429, '{}', { ...json, 'retry-after-ms': '1500' });
  const reply = await openai();
  expect(reply.headers).toMatchObject({ 'retry-after': '2', 'retry-after-ms': '1500' });
  expect(reply.headers['x-should-retry']).toBeUndefined();
});

test('every answer has the id of its request under both names: ours where the provider gave none', async () => {
  const id = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;
  const stranger = await post(`${harness.url}/v1/chat/completions`, 'tg-nobody', {});
  answer(500, '{}');
  const failed = await openai();
  answer(200, wholeChat());
  for (const reply of [stranger, failed, await openai()]) {
    expect(reply.headers['x-request-id']).toMatch(id);
    expect(reply.headers['request-id']).toBe(reply.headers['x-tollgate-call-id']);
  }
  answer(200, wholeChat(), {
    ...json,
    'x-request-id': 'req_of_theirs',
    'openai-processing-ms': '7',
  });
  expect((await openai()).headers).toMatchObject({
    'x-request-id': 'req_of_theirs',
    'request-id': 'req_of_theirs',
    'openai-processing-ms': '7',
  });
});

test.each([400, 408, 413, 422, 429, 500, 502, 503, 529])(
  'row, spans and settlement of a %i hold its status and a code, and none of its words',
  async (status) => {
    openaiError(status, {
      message: `You wrote: ${prompt}`,
      type: prompt,
      code: prompt,
      param: prompt,
    });
    const reply = await openai();
    expect(reply.body.toString()).toContain(prompt);
    const settlement = await booked(reply);
    const written = [
      rowJson(settlement, 'r', 1),
      JSON.stringify(spansOf(settlement)),
      settlement.errorMessage,
    ].join('\n');
    expect(written).not.toContain(prompt);
    expect(settlement.errorMessage).toContain(`status ${status}`);
  },
);
