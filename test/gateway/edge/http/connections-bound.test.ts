/** Connections have their limits, and whoever has no key cannot take those of the ones who have one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../../fakes/journal.ts';
import { json, startScripted, wholeChat, type Upstream } from '../upstream/scripted.ts';
import { key, startHarness, type Harness } from './harness.ts';
import { postText, rawConnection, type RawConnection } from './http-client.ts';

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-4o-mini: openai }
limits: { strangersPerAddress: 5, connections: 12 }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}';
const call = (of: string): string => postText({ path: '/v1/chat/completions', key: of, body });
const hits = (limit: string): number =>
  [...harness.store.values('limitHits')].find(({ labels }) => labels['limit'] === limit)?.value ??
  0;
const stranger = async (): Promise<RawConnection> => {
  const connection = await rawConnection(harness.port);
  connection.write(call('tg-not-a-key-of-this-gateway'));
  await connection.receives('401');
  return connection;
};

test('an address has so many connections without a key; those that have sent one do not count', async () => {
  const strangers: RawConnection[] = [];
  for (let i = 0; i < 4; i += 1) strangers.push(await stranger());
  const caller = await rawConnection(harness.port);
  caller.write(call(key));
  await caller.receives('200 OK');
  strangers.push(await stranger());
  const refused = await rawConnection(harness.port);
  await refused.closed;
  expect(hits('strangersPerAddress')).toBe(1);
  caller.write(call(key));
  await eventually(() => caller.received().split('200 OK').length === 3, 'it is served on');

  strangers.pop()?.destroy();
  await eventually(() => strangers.length === 4, 'one is gone');
  let next: RawConnection | null = null;
  while (next === null) {
    const tried = await rawConnection(harness.port);
    tried.write(call(key));
    await Promise.race([tried.closed, tried.receives('200 OK')]);
    if (tried.received().includes('200 OK')) next = tried;
  }
  for (const one of [...strangers, caller, next]) one.destroy();
});

test('there are so many connections at most', async () => {
  const callers: RawConnection[] = [];
  while (hits('connections') === 0) {
    const connection = await rawConnection(harness.port);
    connection.write(call(key));
    await Promise.race([connection.closed, connection.receives('200 OK')]);
    callers.push(connection);
    expect(callers.length).toBeLessThan(100);
  }
  for (const { destroy } of callers) destroy();
});
