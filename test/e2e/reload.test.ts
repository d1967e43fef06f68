/** The configuration file is edited under a running gateway. */
import { writeFileSync, readFileSync, renameSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';

let [first, second]: Fake[] = [];
let gateway: RunningGateway;
beforeAll(async () => {
  [first, second] = [await startOpenai(), await startOpenai()];
  gateway = await startGateway({ config: twoProviders(first.origin, first.origin) });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await first?.close();
  await second?.close();
});

const sample = async (metric: string, wanted: Record<string, string> = {}): Promise<number> => {
  const found = samples(await gateway.metrics()).find(
    ({ name, labels }) =>
      name === metric && Object.entries(wanted).every(([label, value]) => labels[label] === value),
  );
  return Number(found?.text ?? NaN);
};
const reloads = (result: string) => sample('tollgate_config_reloads_total', { result });
const reachesReloads = async (result: string, count: number): Promise<void> => {
  for (let i = 0; i < 1200; i += 1) {
    if ((await reloads(result)) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never ${count} reloads ${result}: ${gateway.output().slice(-500)}`);
};

/** Editors rename a new file over the old one. */
const edit = (change: (text: string) => string): void => {
  const next = `${gateway.configPath}.new`;
  writeFileSync(next, change(readFileSync(gateway.configPath, 'utf8')));
  renameSync(next, gateway.configPath);
};

const ask = (script: object, more: object = {}): Promise<Response> =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: JSON.stringify({ script }) }],
      ...more,
    }),
  });

test('a changed address counts for new calls; a stream in flight ends where it began', async () => {
  const applied = await reloads('applied');
  const streaming = await ask({ words: 40, fault: { gapMs: 60 } }, { stream: true });
  expect(streaming.status).toBe(200);
  edit((text) => text.replaceAll(first?.origin ?? '', second?.origin ?? ''));
  await reachesReloads('applied', applied + 1);
  const next = await ask({ say: 'from the second' });
  expect(await next.text()).toContain('from the second');
  expect(second?.journal.length).toBe(1);
  // Still open when the other was already answered.
  expect(first?.journal.at(-1)?.ended).toBe('open');
  const text = await streaming.text();
  expect(text).toContain('word39');
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  await eventually(() => first?.journal.at(-1)?.ended === 'complete', 'the stream is whole');
});

test('a broken edit changes nothing, is counted and logged with its places; mending it is a reload again', async () => {
  const [applied, rejected] = [await reloads('applied'), await reloads('rejected')];
  const good = readFileSync(gateway.configPath, 'utf8');
  edit((text) => `${text}limits: { body: lots }\nretry: { triesPerTarget: 0 }\n`);
  await reachesReloads('rejected', rejected + 1);
  expect(await reloads('applied')).toBe(applied);
  expect((await ask({ say: 'still here' })).status).toBe(200);
  await eventually(
    () =>
      /tollgate\.yaml:\d+:\d+: limits\.body: .*[^]*tollgate\.yaml:\d+:\d+: retry\.triesPerTarget/.test(
        gateway.output(),
      ),
    'both problems are logged',
  );
  edit(() => good.replace('gpt-*: openai', 'gpt-4o-mini: openai'));
  await reachesReloads('applied', applied + 1);
  expect((await ask({}, { model: 'gpt-other' })).status).toBe(404);
  expect((await ask({ say: 'this one' })).status).toBe(200);
});

test('a key that is taken out of the file is refused from then on', async () => {
  const applied = await reloads('applied');
  const before = readFileSync(gateway.configPath, 'utf8');
  edit((text) => text.replace('secret: "${TEST_KEY}"', 'secretSha256: "' + '0'.repeat(64) + '"'));
  await reachesReloads('applied', applied + 1);
  expect((await ask({})).status).toBe(401);
  edit(() => before);
  await reachesReloads('applied', applied + 2);
  expect((await ask({})).status).toBe(200);
});

test('the simulated provider can be added to a running gateway', async () => {
  const applied = await reloads('applied');
  edit((text) =>
    text
      .replace('providers:\n', 'providers:\n  demo: {}\n')
      .replace('models:\n', 'models:\n  demo: demo\n'),
  );
  await reachesReloads('applied', applied + 1);
  const reply = await ask({}, { model: 'demo' });
  expect([reply.status, reply.headers.get('x-tollgate-provider')]).toEqual([200, 'demo']);
  await reply.text();
  expect((await ask({ say: 'and the others too' })).status).toBe(200);
});

const configuration = async (): Promise<unknown> => {
  const answer: unknown = await (await fetch(`${gateway.url}/health/ready`)).json();
  return typeof answer === 'object' && answer !== null && 'configuration' in answer
    ? answer.configuration
    : null;
};

test('what counts only at start waits for it, says so everywhere, and keeps nothing else back', async () => {
  const before = readFileSync(gateway.configPath, 'utf8');
  const [applied, needed] = [await reloads('applied'), await reloads('restart_needed')];
  expect(await configuration()).toMatchObject({ restart_needed: [] });
  edit(
    (text) =>
      `${text.replace('models:\n', 'models:\n  gpt-new: openai\n')}
limits: { body: 1KiB, tagsPerCall: 3 }
ledger: { sync: 6ms }
telemetry: { spanQueue: 5000, propagate: false }
`,
  );
  await reachesReloads('restart_needed', needed + 1);
  expect(await reloads('applied')).toBe(applied);
  const waiting = ['limits.body', 'ledger.sync', 'telemetry.spanQueue'];
  expect(await configuration()).toEqual({
    hash: expect.stringMatching(/^[0-9a-f]{12}$/),
    restart_needed: waiting,
  });
  expect(await sample('tollgate_config_restart_needed')).toBe(3);
  await eventually(
    () =>
      gateway
        .output()
        .split('\n')
        .some((line) => line.includes('"warn"') && line.includes(JSON.stringify(waiting))),
    'a line names what waits',
  );
  // The body's limit is the one of the start, the model is new.
  expect((await ask({ say: 'x'.repeat(4000) }, { model: 'gpt-new' })).status).toBe(200);

  edit(() => before);
  await reachesReloads('applied', applied + 1);
  expect(await configuration()).toMatchObject({ restart_needed: [] });
  expect(await sample('tollgate_config_restart_needed')).toBe(0);
});

test('the bounds of the server, and of the log, count at once', async () => {
  const before = readFileSync(gateway.configPath, 'utf8');
  const applied = await reloads('applied');
  edit((text) => `${text}limits: { connections: 10 }\nlog: { level: error }\n`);
  await reachesReloads('applied', applied + 1);
  expect(await configuration()).toMatchObject({ restart_needed: [] });
  const unsaid = (await ask({ say: 'unsaid' })).headers.get('x-tollgate-call-id') ?? 'no id';

  const { port } = new URL(gateway.url);
  const sockets = Array.from({ length: 20 }, () => connect(Number(port), '127.0.0.1'));
  await Promise.race(
    sockets.map(
      (socket) => new Promise((resolve) => socket.on('error', () => {}).once('close', resolve)),
    ),
  );
  for (const socket of sockets) socket.destroy();
  // Until the gateway has seen that they are gone, it may refuse us too.
  const hits = () => sample('tollgate_limit_hits_total', { limit: 'connections' }).catch(() => 0);
  while ((await hits()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));

  edit(() => before);
  await reachesReloads('applied', applied + 2);
  const said = (await ask({ say: 'said' })).headers.get('x-tollgate-call-id') ?? 'no id';
  await eventually(() => gateway.output().includes(said), 'the next call has its line again');
  expect(gateway.output()).not.toContain(unsaid);
});
