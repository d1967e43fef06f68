/** Usage as providers published it, sent through the gateway whole and as a stream: what does each call cost? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usdText } from '../../../gateway/src/model/money.ts';
import { key, startHarness, type Harness } from '../edge/http/harness.ts';
import { send } from '../edge/http/http-client.ts';
import { json, sse, startScripted, type Upstream } from '../edge/upstream/scripted.ts';

const text = Type.String();
const map = Type.Record(text, Type.Unknown());
const Cases = Compile(
  Type.Array(
    Type.Object({
      id: text,
      kind: text,
      provider: text,
      model: text,
      reply_model: text,
      service_tier: Type.Union([text, Type.Null()]),
      usage: Type.Union([map, Type.Null()]),
      extra: map,
      op: text,
      expected: Type.Object({
        cost_usd: text,
        price_status: text,
        tokens: Type.Record(text, Type.Integer()),
      }),
    }),
  ),
);
const value: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, 'published.json'), 'utf8'),
);
if (!Cases.Check(value)) throw new Error('published.json holds no cases');
const cases = value;
type Case = (typeof cases)[number];

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  const at = (vendor: string) =>
    `{ use: ${vendor}, baseUrl: "${upstream.origin}/v1", apiKey: "\${OPENAI_KEY}" }`;
  harness = await startHarness(`providers:
  openai: ${at('openai')}
  groq: ${at('groq')}
  xai: ${at('xai')}
  mistral: ${at('mistral')}
  deepseek: ${at('deepseek')}
  openrouter: ${at('openrouter')}
  compat: ${at('openai-compatible')}
  anthropic: { baseUrl: "${upstream.origin}", apiKey: "\${ANTHROPIC_KEY}" }
models:
  gpt-4o-mini: openai
${[...new Set(cases.map(({ provider, model }) => JSON.stringify([provider, model])))]
  .map((pair) => JSON.parse(pair))
  .map(
    ([provider, model]) =>
      `  "case:${provider}:${model}": { targets: [{ provider: ${provider}, model: "${model}" }] }`,
  )
  .join('\n')}
prices:
  - { provider: openai, model: gpt-4.1-mini, usdPerMillion: { input: 0.3, cacheRead: 0.05, output: 1.2 } }
  - { provider: compat, model: acme-chat, usdPerMillion: { input: 0.5, output: 1.5 } }
`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const chatWhole = ({ reply_model: model, usage, service_tier: tier, extra }: Case): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [
    { index: 0, message: { role: 'assistant', content: 'hello', ...extra }, finish_reason: 'stop' },
  ],
  ...(usage === null ? {} : { usage }),
  ...(tier === null ? {} : { service_tier: tier }),
});

const chatStream = (one: Case): string => {
  const { reply_model: model, usage, service_tier: tier, extra } = one;
  const chunk = (delta: object, finish: string | null, more: object = {}): string =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model,
      ...(tier === null ? {} : { service_tier: tier }),
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    })}\n\n`;
  return [
    chunk({ role: 'assistant', content: 'hello', ...extra }, null),
    chunk({}, 'stop'),
    ...(usage === null ? [] : [chunk({}, null, { choices: [], usage })]),
    'data: [DONE]\n\n',
  ].join('');
};

const message = ({ reply_model: model, usage, extra }: Case, content: object[]): object => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model,
  content,
  stop_reason: content.length === 0 ? null : 'end_turn',
  stop_sequence: null,
  usage,
  ...extra,
});

const messageStream = (one: Case): string => {
  const { usage } = one;
  const { iterations: _later, ...early } = usage ?? {};
  const events: readonly { readonly type: string; readonly [field: string]: unknown }[] = [
    {
      type: 'message_start',
      message: message({ ...one, usage: { ...early, output_tokens: 1 } }, []),
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hello' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage,
    },
    { type: 'message_stop' },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
};

/** What the provider speaks, whoever asks. */
const speaksAnthropic = ({ provider }: Case): boolean => provider === 'anthropic';

const ask = async (one: Case, stream: boolean) => {
  upstream.answer((response) => {
    if (stream) {
      response.writeHead(200, sse).end(speaksAnthropic(one) ? messageStream(one) : chatStream(one));
      return;
    }
    const reply =
      one.op === 'embeddings'
        ? {
            object: 'list',
            model: one.reply_model,
            data: [{ object: 'embedding', index: 0, embedding: [1] }],
            usage: one.usage,
          }
        : speaksAnthropic(one)
          ? message(one, [{ type: 'text', text: 'hello' }])
          : chatWhole(one);
    response.writeHead(200, json).end(JSON.stringify(reply));
  });
  const model = `case:${one.provider}:${one.model}`;
  const path =
    one.op === 'embeddings'
      ? '/v1/embeddings'
      : one.kind === 'anthropic'
        ? '/v1/messages'
        : '/v1/chat/completions';
  const body =
    one.op === 'embeddings'
      ? { model, input: 'hello' }
      : {
          model,
          max_tokens: 100,
          messages: [{ role: 'user', content: 'hello' }],
          ...(stream ? { stream } : {}),
          ...(one.service_tier === null ? {} : { service_tier: one.service_tier }),
        };
  const reply = await send(`${harness.url}${path}`, {
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(reply.status).toBe(200);
  const { attempts } = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  return attempts[0];
};

/** Decimal text as whole pico-dollars, an exponent and all. */
const picodollars = (usd: string): bigint => BigInt(Math.round(Number(usd) * 1e12));

const ways = cases.flatMap((one) =>
  (one.op === 'embeddings' ? [false] : [false, true]).map((stream) => ({
    name: `${one.id}, ${stream ? 'streamed' : 'whole'}`,
    one,
    stream,
  })),
);

test.each(ways)('$name', async ({ one, stream }) => {
  const attempt = await ask(one, stream);
  const { cost_usd: cost, price_status: status, tokens } = one.expected;
  if (one.usage === null) {
    // Nobody said what it used: it is estimated, which is no zero.
    expect(attempt?.usageSource).toBe('estimated');
    expect(attempt?.charge.total).toBeGreaterThan(0n);
    return;
  }
  expect({
    usd: usdText(attempt?.charge.total ?? -1n),
    status: attempt?.charge.priceStatus,
  }).toEqual({ usd: usdText(picodollars(cost)), status });
  const renamed = Object.fromEntries(
    Object.entries(tokens).map(([type, count]) => [
      type.replace('write_5m', 'write').replace('write_1h', 'write_long'),
      count,
    ]),
  );
  expect(attempt?.usage.tokens).toMatchObject(renamed);
});
