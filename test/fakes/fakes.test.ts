import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { RateLimitError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from './anthropic.ts';
import type { Fake } from './faults.ts';
import { eventually } from './journal.ts';
import { startOpenai } from './openai.ts';

// The fakes are the oracle of other tests, so the vendors' own clients must find nothing wrong with them.

let openai: Fake;
let anthropic: Fake;
beforeAll(async () => {
  openai = await startOpenai();
  anthropic = await startAnthropic();
});
afterAll(async () => {
  await openai.close();
  await anthropic.close();
});

const openaiClient = () =>
  new OpenAI({ apiKey: 'k', baseURL: `${openai.origin}/v1`, maxRetries: 0 });
const anthropicClient = () =>
  new Anthropic({ apiKey: 'k', baseURL: anthropic.origin, maxRetries: 0 });

const told = (script: object) => JSON.stringify({ script });
const user = (script: object) => [{ role: 'user' as const, content: told(script) }];
const tools = [{ name: 'weather', arguments: { city: 'Zürich' } }];

test('an OpenAI client reads a streamed reply with a tool call and usage', async () => {
  const messages = user({ say: 'Grüße aus 日本', tools });
  const reply = await openaiClient()
    .chat.completions.stream({ model: 'm', messages, stream_options: { include_usage: true } })
    .finalChatCompletion();
  const [choice] = reply.choices;
  expect(choice?.message.content).toBe('Grüße aus 日本');
  expect(choice?.message.tool_calls?.[0]).toMatchObject({
    function: { name: 'weather', arguments: '{"city":"Zürich"}' },
  });
  const served = openai.journal.at(-1);
  expect(served).toMatchObject({
    ended: 'complete',
    status: 200,
    textSent: 'Grüße aus 日本',
    usageSent: true,
    id: reply.id,
    headers: { authorization: true, apiKey: false },
  });
  expect(reply.usage).toEqual(served?.usage);
});

test('an OpenAI client that does not ask for usage gets none', async () => {
  const messages = user({ words: 3 });
  const stream = await openaiClient().chat.completions.create({
    model: 'm',
    messages,
    stream: true,
  });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks.every((chunk) => chunk.choices.length === 1 && !('usage' in chunk))).toBe(true);
  expect(openai.journal.at(-1)).toMatchObject({
    usageSent: false,
    usage: { completion_tokens: 3 },
  });
});

test('an OpenAI client reads a whole reply and embeddings', async () => {
  const client = openaiClient();
  const reply = await client.chat.completions.create({
    model: 'm',
    messages: user({ say: 'yes' }),
  });
  expect(reply.choices[0]?.message.content).toBe('yes');
  const embedded = await client.embeddings.create({
    model: 'e',
    input: ['a', 'b'],
    encoding_format: 'float',
  });
  expect(embedded.data).toHaveLength(2);
});

test('an Anthropic client reads a streamed reply with thinking, text, a tool call and usage', async () => {
  const messages = user({ reasoning: 'hm', say: 'so be it', tools });
  const stream = anthropicClient().messages.stream({ model: 'c', max_tokens: 9, messages });
  const reply = await stream.finalMessage();
  expect(reply.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use']);
  expect(reply.content[2]).toMatchObject({ name: 'weather', input: { city: 'Zürich' } });
  expect(reply.usage.output_tokens).toBe(3);
  expect(anthropic.journal.at(-1)).toMatchObject({
    ended: 'complete',
    // Since version 1 the client sends its key as a bearer token, and a newer version.
    headers: { authorization: true, version: '2026-10-21' },
  });
});

test('an Anthropic client reads a whole reply', async () => {
  const messages = user({ say: 'yes', finish: 'max_tokens' });
  const reply = await anthropicClient().messages.create({ model: 'c', max_tokens: 9, messages });
  expect(reply).toMatchObject({
    stop_reason: 'max_tokens',
    content: [{ type: 'text', text: 'yes' }],
  });
});

test('errors have the form that the clients know', async () => {
  openai.set([{ status: 429, retryAfter: '7' }]);
  const refused = openaiClient().chat.completions.create({ model: 'm', messages: user({}) });
  await expect(refused).rejects.toBeInstanceOf(RateLimitError);
  expect(openai.journal.at(-1)).toMatchObject({ status: 429, ended: 'refused' });
  anthropic.set([{ status: 529 }]);
  const overloaded = anthropicClient().messages.create({
    model: 'c',
    max_tokens: 9,
    messages: user({}),
  });
  await expect(overloaded).rejects.toThrow(/overloaded_error/);
});

const body = (script: object, more: object = {}) =>
  JSON.stringify({ model: 'm', messages: user(script), stream: true, ...more });
const post = (sent: string) =>
  fetch(`${openai.origin}/v1/chat/completions`, { method: 'POST', body: sent });

test('a cut comes after exactly so many bytes, whatever they split', async () => {
  const reply = await post(body({ say: 'äöü', fault: { cutAfterBytes: 333, chunkBytes: 7 } }));
  await expect(reply.text()).rejects.toThrow();
  expect(openai.journal.at(-1)).toMatchObject({ ended: 'cut', bodyBytesSent: 333 });
});

test('a stall lasts until the client leaves', async () => {
  const aborter = new AbortController();
  const reply = await fetch(`${openai.origin}/v1/chat/completions`, {
    method: 'POST',
    body: body({ fault: { stallAfterBytes: 10 } }),
    signal: aborter.signal,
  });
  await eventually(() => openai.journal.at(-1)?.ended === 'stalled', 'the stall');
  aborter.abort();
  await expect(reply.text()).rejects.toThrow();
});

test('a client that leaves mid-reply is noted, with the text it was sent', async () => {
  const reply = await post(body({ words: 100_000, fault: { gapMs: 1 } }));
  const reader = reply.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const served = openai.journal.at(-1);
  await eventually(() => served?.ended === 'client_gone', 'the client left');
  expect(served?.textSent.length).toBeLessThan(100_000);
});

test('a connection may be closed before the status', async () => {
  await expect(post(body({ fault: { hangUp: true } }))).rejects.toThrow();
  expect(openai.journal.at(-1)).toMatchObject({ ended: 'hung_up', status: 0 });
});

test('usage, body and events may be wrong in chosen ways', async () => {
  const usage = { prompt_tokens: -5, completion_tokens: 1.5 };
  const asked = { stream_options: { include_usage: true } };
  expect(await (await post(body({ usage }, asked))).text()).toContain('"prompt_tokens":-5');
  expect(await (await post(body({ usage: null }, asked))).text()).not.toContain('prompt_tokens');
  expect(await (await post(body({ fault: { body: '<html>' } }))).text()).toBe('<html>');
  const failed = await (await post(body({ fault: { errorAfterEvents: 2 } }))).text();
  expect(failed.trim().split('\n\n')).toHaveLength(3);
  expect(failed).toContain('"error"');
});
