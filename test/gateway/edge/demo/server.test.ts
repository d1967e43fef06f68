import OpenAI, { RateLimitError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDemo, type Demo } from '../../../../gateway/src/edge/demo/server.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo({ latencyMs: 0, tokensPerSecond: Infinity });
});
afterAll(() => demo.close());

const client = () => new OpenAI({ apiKey: 'none', baseURL: demo.origin, maxRetries: 0 });
const user = (content: string) => [{ role: 'user' as const, content }];
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer' },
        unit: { enum: ['c', 'f'] },
      },
      required: ['city', 'days', 'unit'],
    },
  },
};

test('it streams what it says whole, with the same usage', async () => {
  const asked = { model: 'demo', messages: user('Hello, Grüße!') };
  const whole = await client().chat.completions.create(asked);
  const streamed = await client()
    .chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
    .finalChatCompletion();
  expect(whole.choices[0]?.message.content).toContain('Hello, Grüße!');
  expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
  expect(streamed.usage).toEqual(whole.usage);
  expect(whole.usage?.completion_tokens).toBeGreaterThan(20);
});

test('a stream whose usage was not asked for has none', async () => {
  const stream = await client().chat.completions.create({
    model: 'demo',
    messages: user('hi'),
    stream: true,
  });
  for await (const chunk of stream) expect(chunk).not.toHaveProperty('usage');
});

test('a tool that the message mentions is called with arguments of its schema, and its answer is heard', async () => {
  const result = await client()
    .chat.completions.runTools({
      model: 'demo',
      messages: user('What is the weather in Zürich?'),
      tools: [
        {
          type: 'function',
          function: {
            name: weather.function.name,
            description: 'Tells the weather',
            parameters: weather.function.parameters,
            parse: (text: string): object => Object(JSON.parse(text)),
            function: (input: object) => JSON.stringify(input),
          },
        },
      ],
    })
    .finalContent();
  expect(result).toContain('{"city":"Zürich","days":1,"unit":"c"}');
});

test('an answer is cut to max_tokens and says so', async () => {
  const reply = await client().chat.completions.create({
    model: 'demo',
    messages: user('hi'),
    max_completion_tokens: 5,
  });
  expect(reply.choices[0]?.finish_reason).toBe('length');
  expect(reply.usage?.completion_tokens).toBe(5);
});

test('a longer conversation finds its beginning in the cache', async () => {
  const long = 'so it goes '.repeat(1000);
  const turns = [...user(long), { role: 'assistant' as const, content: 'yes' }, ...user('and?')];
  const reply = await client().chat.completions.create({ model: 'demo', messages: turns });
  const cached = reply.usage?.prompt_tokens_details?.cached_tokens ?? 0;
  expect(cached).toBeGreaterThanOrEqual(1024);
  expect(cached % 128).toBe(0);
  expect(cached).toBeLessThan(reply.usage?.prompt_tokens ?? 0);
});

test('wishes in a message are granted', async () => {
  const ask = (content: string) =>
    client().chat.completions.create({ model: 'demo', messages: user(content) });
  await expect(ask('[[fault:429]]')).rejects.toBeInstanceOf(RateLimitError);
  await expect(ask('[[fault:503]]')).rejects.toMatchObject({ status: 503 });
  await expect(ask('[[fault:hangup]]')).rejects.toThrow();
  const long = await ask('[[tokens:300]] [[latency:1]]');
  expect(long.usage?.completion_tokens).toBe(300);
  const cut = await client().chat.completions.create({
    model: 'demo',
    messages: user('[[fault:cut]]'),
    stream: true,
  });
  await expect(
    (async () => {
      for await (const _ of cut);
    })(),
  ).rejects.toThrow();
});

test('embeddings are the same for the same text, near for near texts, in both encodings', async () => {
  const ask = async (encoding_format: 'float' | 'base64') => {
    const input = ['the cat sat', 'the cat sits', 'quantum chromodynamics'];
    const reply = await client().embeddings.create({ model: 'demo', input, encoding_format });
    return reply.data.map(({ embedding }) => embedding);
  };
  const [a = [], b = [], c = []] = await ask('float');
  const dot = (x: number[], y: number[]) =>
    x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0);
  expect(dot(a, a)).toBeCloseTo(1, 4);
  expect(dot(a, b)).toBeGreaterThan(dot(a, c));
  const raw = await fetch(`${demo.origin}/v1/embeddings`, {
    method: 'POST',
    body: JSON.stringify({ model: 'demo', input: 'the cat sat', encoding_format: 'base64' }),
  });
  expect(await raw.json()).toMatchObject({
    data: [{ embedding: expect.stringMatching(/^[\w+/]+=*$/) }],
  });
});

test('a body that is no JSON object and an unknown path are refused', async () => {
  const post = (path: string, body: string) => fetch(demo.origin + path, { method: 'POST', body });
  expect((await post('/v1/chat/completions', '[]')).status).toBe(400);
  expect((await post('/v1/other', '{}')).status).toBe(404);
});

test('a web page is refused here too, whatever its name', async () => {
  const page = { origin: 'http://page.example' };
  const refused = await fetch(`${demo.origin}/v1/models`, { headers: page });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  expect((await fetch(`${demo.origin}/v1/models`)).status).toBe(200);
});
