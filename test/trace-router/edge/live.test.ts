/** The configuration file is edited under a running router. */
import { renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postTraces, requestOf, startRouter, until, type RunningRouter } from '../router.ts';

const waits = { decisionWait: '50ms', decisionWaitAfterRootReceived: '50ms' };
const keepAll = [{ name: 'all', type: 'always_sample' }];
const keepNone = [
  { name: 'none', type: 'probabilistic', probabilistic: { sampling_percentage: 0 } },
];

let router: RunningRouter;
beforeAll(async () => {
  router = await startRouter({ sampler: { ...waits, policies: keepAll } });
});
afterAll(async () => {
  await router.kill9();
});

/** Editors rename a new file over the old one. */
const edit = (config: object | string): void => {
  const next = `${router.configPath}.new`;
  writeFileSync(next, typeof config === 'string' ? config : JSON.stringify(config));
  renameSync(next, router.configPath);
};
const reloads = (result: string) => router.metric('trace_router_config_reloads_total', { result });
const reached = (result: string, count: number) =>
  until(async () => (await reloads(result)) >= count, `${count} reloads ${result}`);
const decisions = (decision: string) => router.metric('trace_router_decisions_total', { decision });
const decide = async (trace: number, decision: string): Promise<void> => {
  const before = await decisions(decision);
  await postTraces(router.http, requestOf([{ trace, span: trace }]));
  await until(async () => (await decisions(decision)) > before, `trace ${trace}: ${decision}`);
};

test('every result of a reload is a series from the start, and nothing waits', async () => {
  const text = await router.metrics();
  for (const result of ['applied', 'restart_needed', 'rejected'])
    expect(text).toContain(`trace_router_config_reloads_total{result="${result}"} 0`);
  expect(text).toContain('trace_router_config_restart_needed 0');
});

test('policies count at once', async () => {
  await decide(1, 'keep');
  edit({ sampler: { ...waits, policies: keepNone } });
  await reached('applied', 1);
  await decide(2, 'drop');
});

test('a broken edit changes nothing, is counted and logged with its places', async () => {
  edit('sampler: { policies: [] }\nrecieve: {}\n');
  await reached('rejected', 1);
  await until(
    () =>
      /:1:22: sampler\.policies: must not be empty/.test(router.output()) &&
      /:2:1: recieve: unknown key 'recieve'; did you mean 'receive'\?/.test(router.output()),
    'both problems are logged',
  );
  await decide(3, 'drop');
});

test('what counts only at start waits for it and is named, the rest is taken over', async () => {
  edit({
    members: [{ name: 'a', protocol: 'http', address: 'http://127.0.0.1:9' }],
    receive: { maxBody: '1KiB' },
    sampler: { ...waits, decisionCache: { sampledCacheSize: 1 }, policies: keepAll },
  });
  await reached('restart_needed', 1);
  expect(await router.metric('trace_router_config_restart_needed')).toBe(3);
  const waiting = ['members', 'receive.maxBody', 'sampler.decisionCache.sampledCacheSize'];
  await until(() => router.output().includes(JSON.stringify(waiting)), 'a line names what waits');
  await decide(4, 'keep');
  const large = requestOf(
    [{ trace: 5, span: 5 }],
    [{ key: 'long', value: { stringValue: 'x'.repeat(2000) } }],
  );
  expect((await postTraces(router.http, large)).status).toBe(200);

  edit({ sampler: { ...waits, policies: keepAll } });
  await reached('applied', 2);
  expect(await router.metric('trace_router_config_restart_needed')).toBe(0);
});
