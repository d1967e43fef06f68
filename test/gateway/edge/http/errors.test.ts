/** Every row of the table of errors that can be provoked, as both dialects' clients see it, and as it is booked. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errors, type ErrorCode } from '../../../../gateway/src/contract/errors.ts';
import type { DialectName } from '../../../../gateway/src/model/call.ts';
import { makeKey, startIssuer, type FakeIssuer } from '../../../fakes/issuer.ts';
import { doneChunk, json, sse, startScripted, type Upstream } from '../upstream/scripted.ts';
import { chunkOf, usageChunk, wholeChat } from '../upstream/scripted.ts';
import { anthropicSecret, key, narrowKey, openaiSecret, startHarness } from './harness.ts';
import type { Harness } from './harness.ts';
import { headerOf, post, postText, rawConnection, send, type Reply } from './http-client.ts';

const bodyLimitBytes = 64 * 1024;
/** Stands in every prompt here; no error may repeat it. */
const prompt = 'PROMPT-THAT-MUST-NOT-COME-BACK';

let upstream: Upstream;
/** An issuer of tokens that has no keys for anybody. */
let issuer: FakeIssuer;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  issuer = await startIssuer();
  issuer.answer((response) => void response.writeHead(503).end());
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-4o-mini: openai, gpt-*: openai, claude-*: anthropic }
timeouts: { connect: 2s, firstByte: 2s, idle: 2s, total: 20s }
retry: { triesPerCall: 1 }
limits: { body: 64KiB, request: 2s, callsInFlight: 2 }
issuers:
  - { name: away, issuer: "${issuer.url}", audience: tollgate }
budgets:
  - { id: money, scope: { session: poor }, unit: usd, limit: 0, window: day }
  - { id: calls, scope: { session: quick }, unit: requests, limit: 0, window: rolling, length: 60s }
  - { id: priced, scope: { session: careful }, unit: usd, limit: 100, window: day }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
  await issuer.close();
});

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;
const models = { openai: 'gpt-4o-mini', anthropic: 'claude-sonnet-4-5' } as const;
const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const url = (dialect: DialectName): string => harness.url + paths[dialect];

const chat = (dialect: DialectName, more: object = {}): Record<string, unknown> => ({
  model: models[dialect],
  max_tokens: 50,
  messages: [{ role: 'user', content: prompt }],
  ...more,
});
const ask = (dialect: DialectName, more: object = {}): Promise<Reply> =>
  post(url(dialect), key, chat(dialect, more), { traceparent });

/** A call of a conversation that a budget is about. */
const askIn = (session: string, dialect: DialectName, more: object = {}): Promise<Reply> =>
  post(url(dialect), key, chat(dialect, more), { traceparent, 'x-tollgate-session': session });

const event = (type: string, body: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
/** The beginning of a stream, with its first content. */
const beginnings: Readonly<Record<DialectName, string>> = {
  openai: chunkOf({ role: 'assistant', content: 'one ' }),
  anthropic:
    event('message_start', { message: { id: 'msg_1', model: models.anthropic } }) +
    event('content_block_start', { index: 0, content_block: { type: 'text' } }) +
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'one ' } }),
};
const failures: Readonly<Record<DialectName, string>> = {
  openai: 'data: {"error":{"message":"it broke","type":"server_error"}}\n\n',
  anthropic: event('error', { error: { type: 'api_error', message: 'it broke' } }),
};

/** What a provider says of every error here. */
const refusal = '{"error":{"message":"no","type":"some_error","param":"top_p"}}\n';
/** Errors of which the client reads the provider's own status and body. */
const passing: Readonly<Partial<Record<ErrorCode, number>>> = {
  provider_refused: 422,
  provider_rate_limited: 429,
  provider_error: 500,
  provider_overloaded: 529,
};

/** An upstream that answers with a status and an error body. */
const refusing =
  (status: number, headers: object = {}) =>
  async (dialect: DialectName): Promise<Reply> => {
    upstream.answer((response) => {
      response.writeHead(status, { ...json, ...headers });
      response.end(refusal);
    });
    return ask(dialect);
  };

type Provoke = (dialect: DialectName) => Promise<Reply>;

/** How each error is provoked. Those that end a stream, and those without a reply, have tests of their own below. */
const provocations: Readonly<Partial<Record<ErrorCode, Provoke>>> = {
  invalid_api_key: (dialect) =>
    post(url(dialect), 'tg-some-other-key-that-must-not-come-back', chat(dialect), { traceparent }),
  async issuer_unavailable(dialect) {
    const token = await issuer.sign(await makeKey('1'), { sub: prompt });
    return post(url(dialect), token, chat(dialect), { traceparent });
  },
  model_not_found: (dialect) =>
    post(url(dialect), narrowKey, { ...chat(dialect), model: 'gpt-unheard-of' }, { traceparent }),
  invalid_json: (dialect) =>
    post(url(dialect), key, `{"model": "${models[dialect]}", "x": ${prompt}}`, { traceparent }),
  invalid_value: (dialect) => ask(dialect, { temperature: prompt }),
  unsupported_parameter: (dialect) =>
    dialect === 'openai'
      ? ask(dialect, { model: models.anthropic, logit_bias: { [prompt]: 1 } })
      : ask(dialect, { model: models.openai, top_k: 5 }),
  body_too_large: (dialect) => ask(dialect, { padding: 'x'.repeat(bodyLimitBytes) }),
  budget_exceeded: (dialect) => askIn('poor', dialect),
  rate_limit_exceeded: (dialect) => askIn('quick', dialect),
  unpriced_model: (dialect) =>
    askIn('careful', dialect, { model: dialect === 'openai' ? 'gpt-of-mine' : 'claude-of-mine' }),
  unsupported_media: (dialect) =>
    post(url(dialect), key, chat(dialect), { traceparent, 'content-encoding': 'gzip' }),
  provider_refused: refusing(422),
  provider_auth: refusing(401),
  provider_account: refusing(402),
  provider_rate_limited: refusing(429, { 'retry-after': '7' }),
  provider_error: refusing(500),
  provider_overloaded: refusing(529),
  async provider_invalid(dialect) {
    upstream.answer((response) => void response.writeHead(200, json).end('this is no reply'));
    return ask(dialect);
  },
  async provider_unreachable(dialect) {
    upstream.answer((response) => void response.socket?.destroy());
    return ask(dialect);
  },
  async provider_timeout(dialect) {
    upstream.answer(() => {});
    return ask(dialect, { stream: true });
  },
  async ledger_full(dialect) {
    harness.spoolTakes(false);
    return ask(dialect).finally(() => harness.spoolTakes(true));
  },
  async internal_error(dialect) {
    harness.breakSpool();
    return ask(dialect);
  },
  async too_many_calls(dialect) {
    const before = upstream.received.length;
    const { promise: isFull, resolve: release } = Promise.withResolvers<void>();
    upstream.answer(async (response) => {
      await isFull;
      response.writeHead(200, json).end(wholeChat());
    });
    const others = [ask('openai'), ask('openai')];
    while (upstream.received.length < before + 2) await sleep(5);
    const reply = await ask(dialect);
    release();
    await Promise.all(others);
    return reply;
  },
};

const expectShape = (dialect: DialectName, code: ErrorCode, body: Buffer): void => {
  const row = errors[code];
  const text: unknown = JSON.parse(body.toString());
  const inner = { code, type: row[dialect], message: expect.stringMatching(/\S/) };
  expect(text).toMatchObject(
    dialect === 'openai' ? { error: inner } : { type: 'error', error: inner },
  );
  expect(text).toHaveProperty('error.param');
};

const expectNoEcho = (reply: Reply): void => {
  const said = JSON.stringify(reply.headers) + reply.body.toString();
  for (const secret of [prompt, key, 'must-not-come-back', openaiSecret, anthropicSecret])
    expect(said).not.toContain(secret);
};

describe.each(['openai', 'anthropic'] as const)('to a client of %s', (dialect) => {
  test.each(Object.entries(provocations))(
    '%s has its status, shape, code, origin and ids, is booked once, and repeats nothing',
    async (name, provoke) => {
      const code = Object.keys(errors).find((known): known is ErrorCode => known === name);
      if (code === undefined) throw new Error(name);
      const row = errors[code];
      const reply = await provoke(dialect);
      const status = passing[code] ?? row.status;
      expect([reply.status, reply.whole]).toEqual([status, true]);
      if (passing[code] === undefined) expectShape(dialect, code, reply.body);
      else expect(reply.body.toString()).toBe(refusal);
      expect(headerOf(reply, 'x-tollgate-error-code')).toBe(code);
      expectNoEcho(reply);
      expect(headerOf(reply, 'content-type')).toBe('application/json');
      expect(headerOf(reply, 'x-tollgate-error-origin')).toBe(row.origin);
      expect(headerOf(reply, 'x-tollgate-trace-id')).toBe(traceId);
      const callId = headerOf(reply, 'x-tollgate-call-id');
      expect(callId).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(await harness.settled(callId)).toMatchObject({
        outcome: row.outcome,
        errorCode: code,
        errorOrigin: row.origin,
        httpStatus: status,
        call: { dialect, trace: { traceId } },
      });
    },
  );

  test.each([
    ['stream_cut', (socketEnd: () => void) => socketEnd()],
    ['stream_stalled', () => {}],
    [
      'stream_failed',
      (_end: () => void, write: (text: string) => void) => write(failures[dialect]),
    ],
  ] as const)('%s is the last event of a stream that has begun', async (code, end) => {
    upstream.answer((response) => {
      response.writeHead(200, sse);
      response.write(beginnings[dialect], () =>
        end(
          () => response.socket?.destroy(),
          (text) => response.write(text),
        ),
      );
    });
    const reply = await ask(dialect, { stream: true });
    expect([reply.status, reply.whole]).toEqual([200, true]);
    const text = reply.body.toString();
    expect(text.startsWith(beginnings[dialect])).toBe(true);
    const rest = text.slice(beginnings[dialect].length);
    // What the provider itself said of its failure passes, as all its bytes do, and is not said again.
    if (code === 'stream_failed') expect(rest).toBe(failures[dialect]);
    else {
      const last = /^(?<event>event: error\n)?data: (?<data>\{.*\})\n\n$/.exec(rest);
      expect(last?.groups?.['event'] !== undefined).toBe(dialect === 'anthropic');
      expectShape(dialect, code, Buffer.from(last?.groups?.['data'] ?? ''));
    }
    expectNoEcho(reply);
    const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
    const streamOutcome = code.slice('stream_'.length);
    expect(settlement).toMatchObject({ outcome: 'broken', errorCode: code, streamOutcome });
  });

  test('unknown_route has the shape of who asks, an origin and ids', async () => {
    const headers = dialect === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {};
    for (const [method, path] of [
      ['POST', '/v1/nothing'],
      ['GET', paths[dialect]],
      ['PUT', paths[dialect]],
      ['GET', '/v1/models/%zz'],
      ['GET', '/%c0%ae/../../etc/passwd'],
    ] as const) {
      const reply = await send(harness.url + path, {
        method,
        headers: { ...headers, traceparent },
      });
      expect([path, reply.status]).toEqual([path, 404]);
      expectShape(dialect, 'unknown_route', reply.body);
      expect(headerOf(reply, 'x-tollgate-error-origin')).toBe('client');
      expect(headerOf(reply, 'x-tollgate-call-id')).toHaveLength(36);
      expect(headerOf(reply, 'x-tollgate-trace-id')).toBe(traceId);
    }
  });

  test('request_timeout answers a body that does not come, and closes', async () => {
    const connection = await rawConnection(harness.port);
    connection.write(postText({ path: paths[dialect], key, body: '{"mod', length: 1000 }));
    await connection.receives('request_timeout');
    const booked = harness.settlements.length;
    // The rest of the body comes too late to be a call after all.
    connection.write(' '.repeat(1000));
    await connection.closed;
    const [head = '', body = ''] = connection.received().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 408 /);
    expect(head).toMatch(/x-tollgate-error-origin: client/);
    expectShape(dialect, 'request_timeout', Buffer.from(body));
    const callId = /x-tollgate-call-id: (\S+)/.exec(head)?.[1] ?? '';
    expect(await harness.settled(callId)).toMatchObject({
      outcome: 'abandoned',
      errorCode: 'request_timeout',
      httpStatus: 408,
      call: { caller: { keyId: 'wide' } },
    });
    expect(harness.settlements.length).toBe(booked);
  });
});

test('unsupported_operation: embeddings by a provider that has none', async () => {
  const reply = await post(`${harness.url}/v1/embeddings`, key, {
    model: models.anthropic,
    input: prompt,
  });
  expect(reply.status).toBe(400);
  expectShape('openai', 'unsupported_operation', reply.body);
  expectNoEcho(reply);
});

test('draining refuses new calls, on connections that are open already too', async () => {
  const draining = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }`);
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  const connection = await rawConnection(draining.port);
  const text = postText({ path: paths.openai, key, body: JSON.stringify(chat('openai')) });
  connection.write(text);
  await connection.receives('"total_tokens":5');
  await draining.server.drain(1000);
  connection.write(text);
  await connection.receives('"code":"draining"');
  expect(connection.received()).toContain('HTTP/1.1 503 ');
  expect(draining.settlements.map(({ errorCode }) => errorCode)).toEqual(['', 'draining']);
  const ready = await send(`${draining.url}/health/ready`, { method: 'GET' });
  expect([ready.status, ready.body.toString()]).toEqual([
    503,
    '{"status":"not ready","reason":"draining"}',
  ]);
  expect((await send(`${draining.url}/health/live`, { method: 'GET' })).status).toBe(200);
  connection.destroy();
  await draining.close();
});

test('an unknown model is told which ones this key may use, another key its own', async () => {
  const narrow = await post(url('openai'), narrowKey, { ...chat('openai'), model: 'o9' });
  expect(narrow.body.toString()).toContain('It may use: gpt-4o-mini.');
  const wide = await post(url('openai'), key, { ...chat('openai'), model: 'o9' });
  expect(wide.body.toString()).toContain('It may use: claude-*, gpt-*, gpt-4o-mini.');
});

test('a provider that asks for an absurd pause does not make an absurd header', async () => {
  const reply = await refusing(429, { 'retry-after': '1e300' })('openai');
  expect(Number(headerOf(reply, 'retry-after'))).toBeLessThanOrEqual(86_400);
  const sane = await refusing(429, { 'retry-after': '7' })('openai');
  expect(headerOf(sane, 'retry-after')).toBe('7');
});

test('every row of the table is provoked here, or is known to have no reply', () => {
  const elsewhere: readonly ErrorCode[] = [
    'unknown_route',
    // test/contract/foreign.test.ts
    'foreign_host',
    'foreign_origin',
    'request_timeout',
    'stream_cut',
    'stream_stalled',
    'stream_failed',
    'unsupported_operation',
    'draining',
    // `connections.test.ts`: streams that outlive the drain.
    'gateway_stopped',
    'too_many_bytes',
    'too_many_bytes_of_key',
    // In the ledger only.
    'record_damaged',
    // Nobody is left to read it; hang-ups.test.ts holds how it is booked.
    'client_closed',
  ];
  const provoked = [...Object.keys(provocations), ...elsewhere];
  expect(provoked.toSorted()).toEqual(Object.keys(errors).toSorted());
});

test('a whole stream is answered after all these errors: nothing was left behind', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.end(beginnings.openai + chunkOf({}, 'stop') + usageChunk + doneChunk);
  });
  const reply = await ask('openai', { stream: true, stream_options: { include_usage: true } });
  expect(reply.body.toString()).toBe(
    beginnings.openai + chunkOf({}, 'stop') + usageChunk + doneChunk,
  );
});
