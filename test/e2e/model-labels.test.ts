/** A caller invents model names under a pattern: the models that are there keep their labels. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type RunningGateway } from '../fakes/gateway.ts';
import {
  json,
  startScripted,
  wholeChat,
  type Upstream,
} from '../gateway/edge/upstream/scripted.ts';
import { samples } from './exposition.ts';

let upstream: Upstream;
let gateway: RunningGateway;
beforeAll(async () => {
  upstream = await startScripted();
  upstream.answer((response, { body }) => {
    const real = body.includes('"gpt-4o"');
    response.writeHead(real ? 200 : 404, json).end(real ? wholeChat() : '{"error":{}}');
  });
  gateway = await startGateway({
    config: `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }`,
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});

const call = async (model: string): Promise<number> => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  });
  await response.arrayBuffer();
  return response.status;
};

test('105 invented names take no label from a model that answers', async () => {
  for (let i = 0; i < 105; i += 1) expect(await call(`gpt-invented-${i}`)).toBe(404);
  expect(await call('gpt-4o')).toBe(200);
  const models = samples(await gateway.metrics())
    .filter(({ name }) => name === 'tollgate_provider_attempts_total')
    .map(({ labels }) => labels['model']);
  expect(new Set(models)).toEqual(new Set(['other', 'gpt-4o']));
});
