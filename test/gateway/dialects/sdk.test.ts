import Anthropic, { BadRequestError } from '@anthropic-ai/sdk';
import { createServer } from 'node:http';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isObject, parseObject, textAt } from '../../../gateway/src/model/json.ts';
import { clientDialects } from '../../../gateway/src/dialects/registry.ts';
import { prepare, speechOf } from '../translate/prepared.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';
import { startAnthropic } from '../../fakes/anthropic.ts';
import type { Fake, Scripting } from '../../fakes/faults.ts';
import { startOpenai } from '../../fakes/openai.ts';

// The vendors' own clients against a provider of the other dialect, over sockets: a server of a few lines stands where
// the gateway's edge stands. The fakes are strict: they refuse what the real providers refuse.

let script: Scripting = () => null;
let openai: Fake;
let anthropic: Fake;
let bridge: { readonly origin: string; close(): Promise<void> };

const startBridge = async (): Promise<typeof bridge> => {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk));
      const bytes = Buffer.concat(chunks);
      const json = parseObject(bytes.toString()) ?? {};
      const dialect = request.url?.includes('messages')
        ? clientDialects.anthropic
        : clientDialects.openai;
      const name = dialect.name === 'openai' ? 'anthropic' : 'openai';
      const provider = providers.get(name);
      const checked = dialect.check(json, 'chat');
      if (provider === undefined || checked.kind === 'bad') throw new Error('a bad request');
      const head = {
        model: checked.value.model,
        createdSeconds: 1,
        fallbackId: 'fallback',
        wantsStreamUsage: checked.value.wantsStreamUsage,
      };
      const asked = {
        dialect,
        operation: 'chat',
        parameters: checked.value,
        bytes,
        json,
        head,
      } as const;
      const prepared = prepare(asked, speechOf(provider), 'upstream-model', {});
      if (prepared.kind === 'bad') {
        const failure = {
          ...prepared.problem,
          status: 400,
          retryAfterMs: null,
          headers: {},
          said: null,
        };
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify(dialect.error({ ...failure, origin: 'client' })));
        return;
      }
      const baseUrl = name === 'openai' ? `${openai.origin}/v1` : anthropic.origin;
      const endpoint = provider.configure({ baseUrl });
      const { body } = prepared.prepared;
      const asking = {
        operation: 'chat',
        model: 'upstream-model',
        stream: false,
        body,
        nowMs: 0,
      } as const;
      const addressed = endpoint.request(asking, { apiKey: 'secret' });
      const reply = await fetch(endpoint.origin + addressed.path, {
        method: 'POST',
        headers: addressed.headers,
        body: Buffer.from(body),
      });
      const isStream = reply.headers.get('content-type')?.startsWith('text/event-stream') === true;
      response.writeHead(reply.status, {
        'content-type': reply.headers.get('content-type') ?? '',
      });
      const translator = prepared.prepared.translator(isStream);
      for await (const chunk of reply.body ?? []) {
        const { bytes: out } = reply.ok ? translator.read(chunk) : { bytes: chunk };
        if (out !== null) response.write(out);
      }
      response.end(reply.ok ? translator.end().bytes : null);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = isObject(address) ? address['port'] : 0;
  return {
    origin: `http://127.0.0.1:${Number(port)}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
};

beforeAll(async () => {
  const scripting: Scripting = (body, path) => script(body, path);
  openai = await startOpenai({ strict: true, script: scripting });
  anthropic = await startAnthropic({ strict: true, script: scripting });
  bridge = await startBridge();
});
beforeEach(() => {
  script = () => null;
});
afterAll(async () => {
  await bridge.close();
  await openai.close();
  await anthropic.close();
});

const openaiClient = () =>
  new OpenAI({ apiKey: 'k', baseURL: `${bridge.origin}/v1`, maxRetries: 0 });
const anthropicClient = () => new Anthropic({ apiKey: 'k', baseURL: bridge.origin, maxRetries: 0 });

const weather = { city: 'Zürich', days: 2 };
const news = { topic: 'Grüße' };
const bothTools = [
  { name: 'weather', arguments: weather },
  { name: 'news', arguments: news },
];
const hasResults = (text: string): boolean =>
  text.includes('tool_result') || text.includes('"tool"');
/** Calls both tools first, and speaks when it was told their results. */
const toolsThenText: Scripting = (body) =>
  hasResults(JSON.stringify(body['messages']))
    ? { say: 'It is sunny — 日本 🚀.' }
    : { say: 'Let me see.', tools: bothTools };

test('an OpenAI client streams from Anthropic: text, usage with the cache, and the name it asked for', async () => {
  script = () => ({
    say: 'Grüße aus 日本',
    usage: {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 7,
      output_tokens: 5,
    },
  });
  const reply = await openaiClient()
    .chat.completions.stream({
      model: 'asked-model',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
      ],
      temperature: 0.5,
      stop: 'END',
      stream_options: { include_usage: true },
    })
    .finalChatCompletion();
  expect(reply.choices[0]).toMatchObject({
    finish_reason: 'stop',
    message: { role: 'assistant', content: 'Grüße aus 日本' },
  });
  expect(reply.model).toBe('asked-model');
  expect(reply.usage).toMatchObject({
    prompt_tokens: 117,
    completion_tokens: 5,
    total_tokens: 122,
    prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 7 },
  });
  expect(anthropic.journal.at(-1)).toMatchObject({
    path: '/v1/messages',
    headers: { apiKey: true, authorization: false, version: '2023-06-01' },
    body: {
      model: 'upstream-model',
      max_tokens: 4096,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
      temperature: 0.5,
      stop_sequences: ['END'],
      stream: true,
    },
  });
});

const runnable = (name: string) =>
  ({
    type: 'function',
    function: {
      name,
      description: `The ${name}`,
      parameters: { type: 'object', properties: {} },
      parse: (text: string): object => Object(JSON.parse(text)),
      function: (input: object) => `${name}: ${JSON.stringify(input)}`,
    },
  }) as const;

test.each([true, false])(
  "OpenAI's own tool runner works on Anthropic, parallel tools included (stream: %s)",
  async (stream) => {
    script = toolsThenText;
    const asked = {
      model: 'm',
      messages: [{ role: 'user' as const, content: 'weather and news?' }],
      tools: [runnable('weather'), runnable('news')],
    };
    const { completions } = openaiClient().chat;
    const runner = stream
      ? completions.runTools({ ...asked, stream: true })
      : completions.runTools(asked);
    expect(await runner.finalContent()).toBe('It is sunny — 日本 🚀.');
    expect(anthropic.journal.at(-1)).toMatchObject({ refused: null, ended: 'complete' });
    const messages: unknown = anthropic.journal.at(-1)?.body?.['messages'];
    expect(messages).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', name: 'weather', input: weather },
          { type: 'tool_use', name: 'news', input: news },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            content: [{ type: 'text', text: expect.stringMatching(/^weather: /) }],
          },
          {
            type: 'tool_result',
            content: [{ type: 'text', text: expect.stringMatching(/^news: /) }],
          },
        ],
      },
    ]);
  },
);

test.each([true, false])(
  'an OpenAI client reads reasoning and a refusal of Anthropic (stream: %s)',
  async (stream) => {
    script = () => ({ reasoning: 'Hm.', refusal: 'No.' });
    const asked = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }] };
    const client = openaiClient();
    const reply = stream
      ? await client.chat.completions.stream(asked).finalChatCompletion()
      : await client.chat.completions.create(asked);
    expect(reply.choices[0]).toMatchObject({
      finish_reason: 'content_filter',
      message: { content: 'No.', reasoning_content: 'Hm.' },
    });
  },
);

test('an OpenAI client without interest in usage is told none', async () => {
  const stream = await openaiClient().chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
  });
  const ends: unknown[] = [];
  for await (const chunk of stream) {
    expect(chunk).not.toHaveProperty('usage');
    ends.push(chunk.choices[0]?.finish_reason);
  }
  expect(ends.at(-1)).toBe('stop');
});

test.each([true, false])(
  'a tool without arguments gets an empty object from Anthropic (stream: %s)',
  async (stream) => {
    script = () => ({ tools: [{ name: 'now', arguments: {} }] });
    const asked = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }] };
    const { completions } = openaiClient().chat;
    const reply = stream
      ? await completions.stream(asked).finalChatCompletion()
      : await completions.create(asked);
    expect(reply.choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: 'now', arguments: '{}' } },
    ]);
  },
);

const anthropicTools = ['weather', 'news'].map((name) => ({
  name,
  input_schema: { type: 'object' as const },
}));

test.each([true, false])(
  'an Anthropic client uses tools of an OpenAI model, and answers them (stream: %s)',
  async (isStream) => {
    script = toolsThenText;
    const client = anthropicClient();
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'weather and news?' }];
    const asked = {
      model: 'asked-model',
      max_tokens: 100,
      system: [
        { type: 'text' as const, text: 'Be brief.', cache_control: { type: 'ephemeral' as const } },
      ],
      tools: anthropicTools,
    };
    const ask = () =>
      isStream
        ? client.messages.stream({ ...asked, messages }).finalMessage()
        : client.messages.create({ ...asked, messages });
    const first = await ask();
    expect(first).toMatchObject({
      model: 'asked-model',
      role: 'assistant',
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', name: 'weather', input: weather },
        { type: 'tool_use', name: 'news', input: news },
      ],
    });
    const served = openai.journal.at(-1);
    expect(first.usage).toMatchObject({
      input_tokens: served?.usage?.['prompt_tokens'],
      output_tokens: served?.usage?.['completion_tokens'],
      cache_read_input_tokens: 0,
    });
    expect(served?.usageSent).toBe(true);
    messages.push({ role: 'assistant', content: first.content });
    messages.push({
      role: 'user',
      content: first.content.flatMap((block) =>
        block.type === 'tool_use'
          ? [
              {
                type: 'tool_result' as const,
                tool_use_id: block.id,
                content: 'fine',
                is_error: block.name === 'news',
              },
            ]
          : [],
      ),
    });
    const second = await ask();
    expect(second).toMatchObject({
      stop_reason: 'end_turn',
      content: [{ type: 'text', text: 'It is sunny — 日本 🚀.' }],
    });
    const last = openai.journal.at(-1);
    expect(last).toMatchObject({ refused: null, headers: { authorization: true, apiKey: false } });
    expect(last?.body?.['messages']).toMatchObject([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'weather and news?' },
      { role: 'assistant', content: 'Let me see.' },
      { role: 'tool', content: 'fine' },
      { role: 'tool', content: 'Error: fine' },
    ]);
  },
);

test.each([true, false])(
  'an Anthropic client reads reasoning of an OpenAI-like model, and may send it back (stream: %s)',
  async (stream) => {
    script = () => ({ reasoning: 'Hm.', say: 'Yes.', finish: 'length' });
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'x' }];
    const asked = { model: 'm', max_tokens: 9, messages };
    const client = anthropicClient();
    const reply = stream
      ? await client.messages.stream(asked).finalMessage()
      : await client.messages.create(asked);
    expect(reply).toMatchObject({
      stop_reason: 'max_tokens',
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text: 'Yes.' },
      ],
    });
    const history = [
      ...messages,
      { role: 'assistant' as const, content: reply.content },
      ...messages,
    ];
    const checked = clientDialects.anthropic.read({
      ...asked,
      messages: JSON.parse(JSON.stringify(history)),
    });
    expect(checked).toMatchObject({
      kind: 'ok',
      value: { messages: [{}, { parts: [{ kind: 'reasoning', signature: null }, {}] }, {}] },
    });
  },
);

test('what cannot be translated is refused by name, in the words of the client', async () => {
  const messages = [{ role: 'user' as const, content: 'x' }];
  const refused = openaiClient().chat.completions.create({ model: 'm', messages, seed: 1 });
  await expect(refused).rejects.toMatchObject({
    status: 400,
    param: 'seed',
    code: 'unsupported_parameter',
  });
  const also = anthropicClient().messages.create({
    model: 'm',
    max_tokens: 2000,
    messages,
    container: 'c',
  });
  const error: unknown = await also.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BadRequestError);
  expect(isObject(error) ? textAt(error, 'message') : '').toContain('container');
});
