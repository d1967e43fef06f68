import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Timeouts } from '../../../../gateway/src/config/config.ts';
import { startClocks, type Bell } from '../../../../gateway/src/edge/upstream/clocks.ts';
import { eventually } from '../../../fakes/journal.ts';

const patient: Timeouts = {
  connectMs: 60_000,
  firstByteMs: 60_000,
  firstContentMs: null,
  holdMs: 60_000,
  idleMs: 60_000,
  totalMs: 60_000,
};

/** Clocks, and what they rang. */
const started = (timeouts: Partial<Timeouts>, stream = true) => {
  const rung: Bell[] = [];
  const clocks = startClocks({ ...patient, ...timeouts }, stream, (bell) => rung.push(bell));
  onTestFinished(() => clocks.stop());
  return { clocks, rung };
};

/** Keeps the event loop busy, as a machine does that has too much to do. */
const block = (ms: number): void => {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs;);
};

test('what has arrived while we were busy is heard before silence is judged', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = net.connect(address.port, '127.0.0.1');
  const [peer]: net.Socket[] = await once(server, 'connection');
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const { clocks, rung } = started({ firstByteMs: 400 });
  let heard = 0;
  client.on('data', () => {
    heard += 1;
    clocks.alive();
  });
  for (let i = 1; i <= 3; i += 1) {
    peer?.write('x');
    // Longer than the clock: it is over when we come to look.
    block(600);
    await eventually(() => heard === i, 'it is heard');
    expect(rung).toEqual([]);
  }
  await eventually(() => rung.length > 0, 'real silence is judged');
  expect(rung).toEqual(['silence']);
});

test('nothing rings while the client holds us up, nor after the end', async () => {
  const { clocks, rung } = started({ firstByteMs: 100, totalMs: 200 });
  clocks.pause();
  await sleep(500);
  expect(rung).toEqual([]);
  clocks.resume();
  await eventually(() => rung.includes('total'), 'the rest of the total runs again');
  const other = started({ firstByteMs: 50, totalMs: 50, firstContentMs: 50, holdMs: 50 });
  other.clocks.isStream();
  other.clocks.stop();
  other.clocks.resume();
  await sleep(200);
  expect(other.rung).toEqual([]);
});

test('a whole reply has its total only; a stream with content neither hold nor first content', async () => {
  const whole = started({ firstByteMs: 50, idleMs: 50, totalMs: 300 }, false);
  const content = started({ firstContentMs: 50, holdMs: 50, totalMs: 300 });
  content.clocks.isStream();
  content.clocks.hasContent();
  await eventually(() => whole.rung.length > 0 && content.rung.length > 0, 'both are over');
  expect([whole.rung, content.rung]).toEqual([['total'], ['total']]);
});

test('first content is judged however much a stream lives', async () => {
  const { clocks, rung } = started({ firstContentMs: 200 });
  const timer = setInterval(() => clocks.alive(), 1);
  onTestFinished(() => clearInterval(timer));
  await eventually(() => rung.length > 0, 'it rings');
  expect(rung).toEqual(['first_content']);
});
