/** Readers that stand still: the provider is slowed down with them, and nothing piles up in the gateway. */
import { readFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';

const streams = 10;
/** Each; together far more than the gateway may hold. */
const streamBytes = 24 * 1024 * 1024;
/** What they may hold between them: kernel buffers are not counted, ours are small. */
const allowedBytes = 72 * 1024 * 1024;
/** The provider is in this process: time enough for one that gets little of the processor. */
const idleMs = 10_000;

const event = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-x',
  choices: [{ index: 0, delta: { content: 'x'.repeat(8000) }, finish_reason: null }],
})}\n\n`;
const last = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
const events = Math.ceil(streamBytes / event.length);

let sentBytes = 0;
const provider = createServer((incoming, response) => {
  incoming.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let sent = 0;
    const pour = (): void => {
      for (; sent < events;) {
        sent += 1;
        sentBytes += event.length;
        if (!response.write(event)) {
          response.once('drain', pour);
          return;
        }
      }
      response.end(last);
    };
    pour();
  });
  response.on('error', () => {});
});
let gateway: RunningGateway;
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    provider.listen(0, '127.0.0.1', resolve);
  });
  const address = provider.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const origin = `http://127.0.0.1:${port}`;
  gateway = await startGateway({
    config: twoProviders(origin, origin, `timeouts: { idle: ${idleMs}ms }`),
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  provider.closeAllConnections();
  provider.close();
});

const residentBytes = (): number => {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
};

const open = (): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({
      model: 'gpt-x',
      stream: true,
      messages: [{ role: 'user', content: 'x' }],
    });
    const asking = request(
      `${gateway.url}/v1/chat/completions`,
      { method: 'POST', headers: { authorization: `Bearer ${gateway.key}` }, agent: false },
      resolve,
    );
    asking.on('error', reject);
    asking.end(body);
  });

const countBytes = async (reply: IncomingMessage): Promise<number> => {
  let bytes = 0;
  for await (const chunk of reply) bytes += Buffer.from(chunk).length;
  return bytes;
};

test('ten paused readers hold up their providers; read on, they miss not a byte', async () => {
  await countBytes(await open());
  sentBytes = 0;
  const before = residentBytes();
  // Not read from: what arrives stays in their buffers until those are full.
  const replies = await Promise.all(Array.from({ length: streams }, open));
  // Still for longer than the idle time: a paused reader is no silent provider.
  let [seen, sinceMs] = [sentBytes, performance.now()];
  while (performance.now() - sinceMs < idleMs * 1.2) {
    if (sentBytes !== seen) [seen, sinceMs] = [sentBytes, performance.now()];
    await sleep(100);
  }
  const held = residentBytes() - before;
  expect(sentBytes).toBeLessThan(streams * streamBytes * 0.8);
  expect(held).toBeLessThan(allowedBytes);
  // Half of them leave while they stand still, the others read on.
  const leaving = replies.slice(0, streams / 2);
  for (const reply of leaving) reply.destroy();
  const counts = await Promise.all(replies.slice(streams / 2).map(countBytes));
  const whole = events * event.length + last.length;
  // Between two events a client may be told that its stream lives.
  const comment = ': keep-alive\n\n'.length;
  expect(counts.map((bytes) => (bytes - whole) % comment)).toEqual(counts.map(() => 0));
  for (const bytes of counts) expect(bytes).toBeLessThan(whole + 100 * comment);
  for (const bytes of counts) expect(bytes).toBeGreaterThanOrEqual(whole);
  await eventually(
    () => (gateway.output().match(/"outcome":"abandoned"/g)?.length ?? 0) === streams / 2,
    'those that left are booked',
  );
}, 600_000);
