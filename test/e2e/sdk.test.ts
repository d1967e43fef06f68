/** The official SDKs, unmodified, against the gateway with both providers played by fakes over real sockets. */
import Anthropic, { AuthenticationError as AnthropicAuthenticationError } from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from '../fakes/anthropic.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';

let openaiFake: Fake;
let anthropicFake: Fake;
let gateway: RunningGateway;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  openaiFake = await startOpenai();
  anthropicFake = await startAnthropic();
  gateway = await startGateway({ config: twoProviders(openaiFake.origin, anthropicFake.origin) });
  openai = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([openaiFake.close(), anthropicFake.close()]);
});

const messages = [{ role: 'user' as const, content: 'Say something.' }];

// Each model is served by another vendor: the client's own dialect, and the other one.
for (const model of ['gpt-4o-mini', 'claude-sonnet-4-5']) {
  test(`openai SDK: a chat completion by ${model}`, async () => {
    const reply = await openai.chat.completions.create({ model, messages, max_tokens: 100 });
    expect(reply.choices[0]?.message.content).toBeTruthy();
    expect(reply.choices[0]?.finish_reason).toBe('stop');
    expect(reply.usage?.total_tokens).toBe(
      (reply.usage?.prompt_tokens ?? 0) + (reply.usage?.completion_tokens ?? 0),
    );
  });

  test(`openai SDK: a streamed chat completion by ${model}`, async () => {
    const stream = openai.chat.completions.stream({
      model,
      messages,
      max_tokens: 100,
      stream_options: { include_usage: true },
    });
    let chunks = 0;
    for await (const chunk of stream) chunks += chunk.choices.length;
    const whole = await stream.finalChatCompletion();
    expect(chunks).toBeGreaterThan(1);
    expect(whole.choices[0]?.message.content).toBeTruthy();
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
  });

  test(`openai SDK: tools by ${model}, called with their results`, async () => {
    const fake = model.startsWith('gpt') ? openaiFake : anthropicFake;
    const before = fake.journal.length;
    const runner = openai.chat.completions.runTools(
      {
        model,
        max_tokens: 100,
        messages: [
          {
            role: 'user',
            content: JSON.stringify({
              script: { tools: [{ name: 'weather', arguments: { city: 'Bern' } }] },
            }),
          },
        ],
        tools: [
          {
            type: 'function',
            function: {
              name: 'weather',
              description: 'Weather of a city',
              parameters: { type: 'object', properties: { city: { type: 'string' } } },
              parse: JSON.parse,
              function: (asked: { city: string }) => `Sunny in ${asked.city}`,
            },
          },
        ],
      },
      { maxChatCompletions: 1 },
    );
    await runner.done().catch(() => {});
    expect(runner.messages.at(-1)).toMatchObject({ role: 'tool', content: 'Sunny in Bern' });
    expect(fake.journal.length).toBe(before + 1);
  });

  test(`anthropic SDK: a message by ${model}`, async () => {
    const reply = await anthropic.messages.create({ model, max_tokens: 100, messages });
    expect(reply.content[0]).toMatchObject({ type: 'text' });
    expect(reply.stop_reason).toBe('end_turn');
    expect(reply.usage.output_tokens).toBeGreaterThan(0);
  });

  test(`anthropic SDK: a streamed message by ${model}`, async () => {
    const reply = await anthropic.messages
      .stream({ model, max_tokens: 100, messages })
      .finalMessage();
    expect(reply.content[0]).toMatchObject({ type: 'text' });
    expect(reply.usage.output_tokens).toBeGreaterThan(0);
  });

  test(`anthropic SDK: a streamed tool call by ${model}`, async () => {
    const content = JSON.stringify({
      script: { tools: [{ name: 'weather', arguments: { city: 'Bern' } }] },
    });
    const reply = await anthropic.messages
      .stream({
        model,
        max_tokens: 100,
        messages: [{ role: 'user', content }],
        tools: [
          {
            name: 'weather',
            input_schema: { type: 'object', properties: { city: { type: 'string' } } },
          },
        ],
      })
      .finalMessage();
    expect(reply.stop_reason).toBe('tool_use');
    expect(reply.content.find((block) => block.type === 'tool_use')).toMatchObject({
      name: 'weather',
      input: { city: 'Bern' },
    });
  });
}

test('openai SDK: embeddings', async () => {
  const reply = await openai.embeddings.create({
    model: 'text-embedding-3-small',
    input: ['one', 'two'],
  });
  expect(reply.data).toHaveLength(2);
  expect(reply.data[0]?.embedding.length).toBeGreaterThan(0);
});

test('openai and anthropic SDKs list the models', async () => {
  const names: string[] = [];
  for await (const model of openai.models.list()) names.push(model.id);
  expect(names).toContain('either');
  const others: string[] = [];
  for await (const model of anthropic.models.list()) others.push(model.id);
  expect(others).toEqual(names);
});

test('the SDKs throw their own typed errors for ours', async () => {
  const stranger = new OpenAI({ apiKey: 'tg-wrong', baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  await expect(
    stranger.chat.completions.create({ model: 'gpt-4o', messages }),
  ).rejects.toBeInstanceOf(AuthenticationError);
  await expect(openai.chat.completions.create({ model: 'nothing', messages })).rejects.toThrow(
    /may use: .*either/,
  );
  const other = new Anthropic({ apiKey: 'tg-wrong', baseURL: gateway.url, maxRetries: 0 });
  await expect(
    other.messages.create({ model: 'claude-x', max_tokens: 5, messages }),
  ).rejects.toBeInstanceOf(AnthropicAuthenticationError);
});
