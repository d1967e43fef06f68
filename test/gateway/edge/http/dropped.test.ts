/** A request as a coding agent sends it, to a provider that speaks another dialect. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  chunkOf,
  doneChunk,
  json,
  sse,
  startScripted,
  usageChunk,
  wholeChat,
  type Upstream,
} from '../upstream/scripted.ts';
import { key, startHarness, type Harness } from './harness.ts';
import { headerOf, post } from './http-client.ts';

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-*: openai, claude-*: anthropic }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const cached = { cache_control: { type: 'ephemeral' } };
const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: { path: { type: 'string' } },
};
/** After Claude Code 2.1, shortened in its texts only. */
const agentRequest = (model: string) => ({
  model,
  max_tokens: 32_000,
  stream: true,
  metadata: {
    user_id: JSON.stringify({
      device_id: 'd'.repeat(64),
      account_uuid: '',
      session_id: 's'.repeat(36),
    }),
  },
  thinking: { type: 'enabled', budget_tokens: 31_999 },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  system: [
    { type: 'text', text: 'You are an agent.', ...cached },
    { type: 'text', text: 'Work in this directory.', ...cached },
  ],
  tools: Array.from({ length: 24 }, (_, i) => ({
    name: `tool_${i}`,
    description: 'Does it.',
    input_schema: schema,
  })),
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Look.' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'c2lnbmVk' },
        { type: 'tool_use', id: 'toolu_1', name: 'tool_1', input: { path: '/x' } },
      ],
    },
    {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'found', ...cached }],
    },
  ],
});
const betas = {
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14',
};

test.each([
  ['gpt-4o', null, ', thinking.budget_tokens'],
  ['gpt-5', 'high', ''],
])(
  'an agent of Anthropic is served by %s, and told what had no meaning there',
  async (model, effort, more) => {
    upstream.answer((response) => {
      response.writeHead(200, sse);
      response.end(chunkOf({ content: 'done' }) + chunkOf({}, 'stop') + usageChunk + doneChunk);
    });
    const reply = await post(
      `${harness.url}/v1/messages?beta=true`,
      key,
      agentRequest(model),
      betas,
    );
    expect(reply.status).toBe(200);
    expect(reply.body.toString()).toContain('message_stop');
    expect(headerOf(reply, 'x-tollgate-dropped')).toBe(
      `anthropic-beta, context_management, system[].cache_control, messages[].content[].cache_control${more}, metadata.user_id`,
    );
    const sent: { tools?: unknown[]; user?: string; reasoning_effort?: string } = JSON.parse(
      upstream.received.at(-1)?.body ?? '{}',
    );
    expect(sent.tools).toHaveLength(24);
    expect([sent.user, sent.reasoning_effort ?? null]).toEqual([undefined, effort]);
  },
);

test('within one dialect nothing is left out, and nothing is said of it', async () => {
  upstream.answer(
    (response) => void response.writeHead(200, json).end('{"type":"error","error":{}}'),
  );
  await post(
    `${harness.url}/v1/messages`,
    key,
    { ...agentRequest('claude-x'), stream: false },
    betas,
  );
  expect(JSON.parse(upstream.received.at(-1)?.body ?? '')).toMatchObject({
    context_management: {},
  });
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  const reply = await post(`${harness.url}/v1/chat/completions`, key, {
    model: 'gpt-x',
    store: true,
    metadata: { a: 'b' },
    messages: [{ role: 'user', content: 'x' }],
  });
  expect(reply.headers['x-tollgate-dropped']).toBeUndefined();
});

test('an error of such a call names what was left out too', async () => {
  upstream.answer(
    (response) => void response.writeHead(400, json).end('{"error":{"message":"No."}}'),
  );
  const reply = await post(`${harness.url}/v1/messages`, key, agentRequest('gpt-x'), betas);
  expect(reply.status).toBe(400);
  expect(headerOf(reply, 'x-tollgate-dropped')).toContain('context_management');
});
