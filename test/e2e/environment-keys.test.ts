/** What the keys that come with the environment may do at the data plane. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';

const keys = {
  TOLLGATE_MASTER_KEY: 'tg-master-0123456789',
  TOLLGATE_DEMO_KEY: 'tg-demo-0123456789',
};
let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await startGateway({
    config: `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${openai.origin}/v1" }
  demo:
models: { gpt-*: openai, demo: demo }`,
    env: keys,
  });
});
afterAll(async () => {
  await gateway.stop();
  await openai.close();
});

const headers = (key: string) => ({ authorization: `Bearer ${key}` });
const status = async (key: string, model: string): Promise<number> => {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
  const options = { method: 'POST', headers: headers(key), body };
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, options);
  await reply.arrayBuffer();
  return reply.status;
};

test('the demo key serves the demo and nothing that is paid for', async () => {
  expect(await status(keys.TOLLGATE_DEMO_KEY, 'demo')).toBe(200);
  expect(await status(keys.TOLLGATE_DEMO_KEY, 'gpt-4o-mini')).toBe(404);
  expect(await status(gateway.key, 'gpt-4o-mini')).toBe(200);
  const list = await fetch(`${gateway.url}/v1/models`, {
    headers: headers(keys.TOLLGATE_DEMO_KEY),
  });
  expect(await list.json()).toMatchObject({ data: [{ id: 'demo' }] });
  expect(openai.journal).toHaveLength(1);
});

test("the administrator's key calls no model", async () => {
  expect(await status(keys.TOLLGATE_MASTER_KEY, 'demo')).toBe(401);
  const list = await fetch(`${gateway.url}/v1/models`, {
    headers: headers(keys.TOLLGATE_MASTER_KEY),
  });
  expect(list.status).toBe(401);
});
