/** One key sends fourteen bodies that become gigabytes when they are parsed; the process has 512 MiB of heap. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';

const otherKey = 'tg-other-0123456789abcdefghijklmnopqrstuvwxyz';
let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin),
    nodeArgs: ['--max-old-space-size=512'],
    anotherKey: '  - { id: other, secret: "${OTHER_KEY}", team: search }',
    env: { OTHER_KEY: otherKey },
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await openai.close();
});

const call = (key: string, body: string): Promise<Response> =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body,
  });
const question = '"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]';

test('they are refused, everybody else is served meanwhile, and the process lives', async () => {
  const values = '{},'.repeat(10_700_000);
  const bomb = `{"metadata":[${values}{}],${question}}`;
  let open = 14;
  const bombs = Array.from({ length: open }, async () => {
    const { status } = await call(gateway.key, bomb);
    open -= 1;
    return status;
  });
  const served: number[] = [];
  do {
    const live = await fetch(`${gateway.url}/health/live`);
    const { status } = await call(otherKey, `{${question}}`);
    served.push(live.status, status);
  } while (open > 0 || served.length < 6);
  expect(new Set(served)).toEqual(new Set([200]));
  for (const status of await Promise.all(bombs)) expect([413, 429]).toContain(status);
  expect((await call(gateway.key, `{${question}}`)).status).toBe(200);
}, 600_000);
