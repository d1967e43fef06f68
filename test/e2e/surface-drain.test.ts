/** SIGTERM under load: what is under way ends well, what is new is turned away, and no row is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  openai = await startOpenai();
});
afterAll(async () => {
  await reader.close();
  await Promise.all([openai.close(), clickhouse.stop()]);
});

const started = (): Promise<RunningGateway> =>
  startGateway({ config: twoProviders(openai.origin, openai.origin), clickhouse });

const ask = (gateway: RunningGateway, script: object, stream: boolean): Promise<Response> =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      stream,
      messages: [{ role: 'user', content: JSON.stringify({ script }) }],
    }),
  });

test('SIGTERM lets calls finish, refuses new ones as draining, exits 0, and every row arrives', async () => {
  const gateway = await started();
  for (let i = 0; i < 30; i += 1) await (await ask(gateway, { words: 2 }, i % 2 === 0)).text();
  const asked = openai.journal.length;
  const slow = Array.from({ length: 8 }, (_, i) =>
    ask(
      gateway,
      { words: 25, fault: i % 2 === 0 ? { gapMs: 250 } : { delayMs: 6000 } },
      i % 2 === 0,
    ),
  );
  await eventually(() => openai.journal.length === asked + 8, 'all eight are under way');
  const stopping = gateway.stop();
  let refused: Response | null = null;
  while (refused === null) {
    const reply = await fetch(`${gateway.url}/health/ready`);
    if (reply.status === 503) {
      expect(await reply.json()).toMatchObject({ status: 'not ready', reason: 'draining' });
      refused = await ask(gateway, { words: 2 }, false);
    } else await sleep(5);
  }
  expect(refused?.status).toBe(503);
  expect(await refused?.json()).toMatchObject({ error: { code: 'draining' } });
  expect(refused?.headers.get('x-tollgate-error-origin')).toBe('gateway');
  const texts = await Promise.all(slow.map(async (reply) => (await reply).text()));
  for (const [i, text] of texts.entries()) {
    expect(text).toContain('word24');
    if (i % 2 === 0) expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  }
  expect(await stopping).toBe(0);

  const lines = await reader.lines();
  const count = (outcome: string): number =>
    lines.filter((line) => line.outcome === outcome).length;
  expect([count('answered'), count('throttled'), lines.length]).toEqual([38, 1, 39]);
});

test('a second SIGTERM does not wait', async () => {
  const gateway = await started();
  const asked = openai.journal.length;
  const hanging = ask(gateway, { fault: { stallAfterBytes: 400 } }, true).then(
    (reply) => reply.text(),
    () => '',
  );
  await eventually(() => openai.journal.length === asked + 1, 'the call is under way');
  const stopping = gateway.stop();
  // Two signals that come together are one.
  while ((await fetch(`${gateway.url}/health/ready`)).status !== 503) await sleep(5);
  gateway.signal('SIGTERM');
  expect(await stopping).toBe(1);
  await hanging.catch(() => {});
});
