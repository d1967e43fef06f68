/** Several workers behind one port: one is killed, the parent is killed, there are to be fewer; no call is lost and none is twice. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, testKey, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { ownPath, tellApart } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { samples } from './exposition.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';
import { makeCall, planCall } from './workload.ts';

const own = ownPath();
let clickhouse: FakeClickhouse;
let openai: Fake;
let anthropic: Fake;
let reader: LedgerReader;
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-workers-'));

beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  [openai, anthropic] = [await startOpenai(), await startAnthropic()];
});
afterAll(async () => {
  await reader.close();
  await Promise.all([openai.close(), anthropic.close(), clickhouse.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
});

const start = (workers: string, level = 'error'): Promise<RunningGateway> =>
  startGateway({
    config: twoProviders(
      openai.origin + own,
      anthropic.origin + own,
      `timeouts: { idle: 5s, firstByte: 5s, total: 8s }
retry: { backoff: 5ms, backoffMax: 50ms }
log: { level: ${level} }
ledger: { segmentAge: 200ms, reconcile: 1s }
workers: ${workers}`,
    ),
    clickhouse,
    dataDir,
  });

interface Seen {
  readonly worker: number;
  readonly pid: number;
  readonly state: string;
  readonly restarts: number;
}
const isSeen = (value: unknown): value is { workers: readonly Seen[] } =>
  typeof value === 'object' && value !== null && 'workers' in value;
const workersOf = async ({ url }: RunningGateway): Promise<readonly Seen[]> => {
  const answer: unknown = await (await fetch(`${url}/health/ready`)).json();
  return isSeen(answer) ? answer.workers : [];
};
const pidOf = async (gateway: RunningGateway, worker: number): Promise<number> =>
  (await workersOf(gateway)).find((one) => one.worker === worker)?.pid ?? 0;

const waitFor = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const endMs = Date.now() + 120_000;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`);
    await sleep(50);
  }
};

/** Sum of the series of a metric with these labels. */
const sumOf = async (
  gateway: RunningGateway,
  metric: string,
  wanted: Readonly<Record<string, string>> = {},
): Promise<number> =>
  samples(await gateway.metrics())
    .filter(
      ({ name, labels }) =>
        name === metric && Object.entries(wanted).every(([key, value]) => labels[key] === value),
    )
    .reduce((sum, { text }) => sum + Number(text), 0);

const allShipped = (gateway: RunningGateway): Promise<void> =>
  waitFor(
    'all rows are in the table',
    async () => (await sumOf(gateway, 'tollgate_ledger_spool_bytes')) === 0,
  );

const stream = (gateway: RunningGateway, traceId: string, words: number): Promise<string | null> =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      stream: true,
      messages: [
        { role: 'user', content: JSON.stringify({ script: { words, fault: { gapMs: 100 } } }) },
      ],
    }),
  })
    .then((response) => response.text())
    .catch(() => null);

/** A call over a connection of one's own; its status. */
const ask = ({ url, key }: RunningGateway, agent: Agent): Promise<number> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    request(
      `${url}/v1/chat/completions`,
      { method: 'POST', agent, headers: { authorization: `Bearer ${key}` } },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      },
    )
      .on('error', reject)
      .end(body);
  });

interface Row {
  readonly trace_id: string;
  readonly outcome: string;
  readonly replica: string;
}
const rows = (): Promise<readonly Row[]> =>
  reader.query<Row>('SELECT trace_id, toString(outcome) AS outcome, replica FROM tollgate.calls');

const isVerified = async (): Promise<unknown> => {
  const verified = await runTollgate(dataDir, ['ledger', 'verify', '--json'], {
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
    TOLLGATE_CLICKHOUSE_USER: clickhouse.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.reader.password,
  });
  return JSON.parse(verified.out);
};

/** Every call that a provider was asked for has one row, and no row is of a call that nobody knows. */
const expectEachOnce = async (): Promise<void> => {
  const byTrace = Map.groupBy(await rows(), ({ trace_id }) => trace_id);
  expect([...byTrace].filter(([, found]) => found.length > 1)).toEqual([]);
  const { byTrace: served } = tellApart([openai.journal, anthropic.journal], own);
  expect([...served.keys()].filter((traceId) => !byTrace.has(traceId))).toEqual([]);
};

const exists = (pid: number): boolean => {
  // A zombie that nobody has waited for yet serves nothing.
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('kill -9 of a worker under load: calls of the other one go on, each call has one row, and the worker comes back', async () => {
  const gateway = await start('{ count: 2 }');
  const pids = (await workersOf(gateway)).map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(2);
  // Nobody who looks at processes sees a secret.
  for (const pid of pids)
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(testKey);

  let alive = true;
  let next = 0;
  let answered = 0;
  const caller = async (): Promise<void> => {
    while (alive) {
      const planned = planCall(11, next, gateway.key);
      next += 1;
      if ((await makeCall(gateway.url, planned)).status === 200) answered += 1;
    }
  };
  const load = Promise.all(Array.from({ length: 20 }, caller));
  await waitFor('the load is served', () => Promise.resolve(answered > 60));
  const names = Array.from({ length: 16 }, (_, i) => (0xabc000 + i).toString(16).padStart(32, '0'));
  const streams = names.map((name) => stream(gateway, name, 30));
  await waitFor('all streams have begun', () =>
    Promise.resolve(names.every((name) => tellApart([openai.journal], own).byTrace.has(name))),
  );
  process.kill(await pidOf(gateway, 2), 'SIGKILL');
  const before = answered;
  await waitFor('the other worker goes on', () => Promise.resolve(answered > before + 20));
  await waitFor('the worker was started again', async () =>
    (await workersOf(gateway)).every(({ state }) => state === 'ready'),
  );
  expect((await workersOf(gateway)).map(({ restarts }) => restarts)).toEqual([0, 1]);
  expect(await sumOf(gateway, 'tollgate_worker_restarts_total')).toBe(1);
  const back = await sumOf(gateway, 'tollgate_calls_total', { worker: '2' });
  await waitFor(
    'calls come to it again',
    async () => (await sumOf(gateway, 'tollgate_calls_total', { worker: '2' })) > back,
  );
  alive = false;
  await load;
  const texts = await Promise.all(streams);
  await waitFor(
    'no call is under way',
    async () => (await sumOf(gateway, 'tollgate_inflight_calls')) === 0,
  );
  await allShipped(gateway);

  const found = await rows();
  const rowOf = new Map(found.map((row) => [row.trace_id, row]));
  const ended = names.map((name, i) => ({ ...rowOf.get(name), text: texts[i] }));
  const ofKilled = ended.filter(({ replica }) => replica?.startsWith('test.w2.'));
  const ofOther = ended.filter(({ replica }) => !replica?.startsWith('test.w2.'));
  expect(ofKilled.length).toBeGreaterThan(0);
  expect(ofOther.length).toBeGreaterThan(0);
  for (const { outcome, text } of ofKilled)
    expect([outcome, text?.includes('[DONE]') ?? false]).toEqual(['crashed', false]);
  for (const { outcome, text } of ofOther)
    expect([outcome, text?.includes('[DONE]')]).toEqual(['answered', true]);
  await expectEachOnce();

  // What each living worker shows is what stands in the rows of its life, but for those it recovered.
  const lives = Map.groupBy(found, ({ replica }) => replica);
  for (const [worker, prefix] of [
    ['1', 'test.'],
    ['2', 'test.w2.'],
  ] as const) {
    const life = [...lives.keys()]
      .filter((name) => name.startsWith(prefix) && (worker === '2') === name.startsWith('test.w2.'))
      .toSorted()
      .at(-1);
    const [calls, unwritten, recovered] = [
      await sumOf(gateway, 'tollgate_calls_total', { worker }),
      await sumOf(gateway, 'tollgate_calls_unwritten_total', { worker }),
      await sumOf(gateway, 'tollgate_ledger_rows_total', { worker, result: 'recovered' }),
    ];
    expect(calls - unwritten + recovered).toBe(lives.get(life ?? '')?.length);
  }
  expect(await sumOf(gateway, 'tollgate_ledger_conservation_error')).toBe(0);
  expect(await gateway.stop()).toBe(0);
  expect(await isVerified()).toMatchObject({ ok: true, lives: 3, findings: [] });
  for (const pid of pids) expect(exists(pid)).toBe(false);
}, 300_000);

test('a changed configuration comes into force in all workers, a bad one in none', async () => {
  const gateway = await start('{ count: 2 }');
  const edit = (change: (text: string) => string): void => {
    writeFileSync(`${gateway.configPath}.new`, change(readFileSync(gateway.configPath, 'utf8')));
    renameSync(`${gateway.configPath}.new`, gateway.configPath);
  };
  const hashes = async (): Promise<readonly (string | undefined)[]> =>
    samples(await gateway.metrics())
      .filter(({ name }) => name === 'tollgate_config_info')
      .map(({ labels }) => labels['hash']);
  const reloads = (result: string): Promise<number> =>
    sumOf(gateway, 'tollgate_config_reloads_total', { result });
  const [first] = await hashes();
  const good = readFileSync(gateway.configPath, 'utf8');

  edit((text) => text.replace('gpt-*: openai', 'gpt-4o-mini: openai'));
  await waitFor('both have taken it over', async () => (await reloads('applied')) === 2);
  const second = await hashes();
  expect(second.length).toBe(2);
  expect(new Set(second).size).toBe(1);
  expect(second[0]).not.toBe(first);

  edit((text) => `${text}limits: { body: lots }\n`);
  await waitFor('both have refused it', async () => (await reloads('rejected')) === 2);
  expect(await hashes()).toEqual(second);

  // One that starts while the file is bad stays away; it comes when the file is good, and all have the same.
  process.kill(await pidOf(gateway, 2), 'SIGKILL');
  await waitFor('it does not start', () =>
    Promise.resolve(gateway.output().includes('worker 2 does not start')),
  );
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(await sumOf(gateway, 'tollgate_worker_up')).toBe(1);
  edit(() => good);
  await waitFor('both have the same again', async () => {
    const now = await hashes();
    return now.length === 2 && now.every((hash) => hash === first);
  });
  expect(await gateway.stop()).toBe(0);
}, 300_000);

test('kill -9 of the parent leaves no worker, lets the port go at once, and one worker alone adopts what two left', async () => {
  const two = await start('{ count: 2 }');
  const pids = (await workersOf(two)).map(({ pid }) => pid);
  const names = Array.from({ length: 12 }, (_, i) => (0xdef000 + i).toString(16).padStart(32, '0'));
  const streams = names.map((name) => stream(two, name, 200));
  await waitFor('all streams have begun', () =>
    Promise.resolve(names.every((name) => tellApart([openai.journal], own).byTrace.has(name))),
  );
  const short = 'fade'.padStart(32, '0');
  const last = stream(two, short, 8);
  await waitFor('it has begun', () =>
    Promise.resolve(tellApart([openai.journal], own).byTrace.has(short)),
  );
  await two.kill9();
  const killedMs = performance.now();
  await waitFor('nobody listens', () =>
    fetch(`${two.url}/health/live`).then(
      () => false,
      () => true,
    ),
  );
  expect(performance.now() - killedMs).toBeLessThan(1_500);
  // Calls have a while to end before they are cut off.
  expect(await last).toContain('[DONE]');
  for (const text of await Promise.all(streams)) expect(text).not.toContain('[DONE]');
  await waitFor('no worker is left', () => Promise.resolve(!pids.some(exists)));

  const again = await start('{ count: 2 }');
  // So that calls are open in both spools when they end without a word.
  const more = Array.from({ length: 12 }, (_, i) => (0xfed000 + i).toString(16).padStart(32, '0'));
  const others = more.map((name) => stream(again, name, 200));
  await waitFor('all streams have begun', () =>
    Promise.resolve(more.every((name) => tellApart([openai.journal], own).byTrace.has(name))),
  );
  const ended = (await workersOf(again)).map(({ pid }) => pid);
  for (const pid of ended) process.kill(pid, 'SIGSTOP');
  await again.kill9();
  for (const pid of ended) process.kill(pid, 'SIGKILL');
  await Promise.all(others);

  const dumped = await runTollgate(dataDir, ['ledger', 'dump', dataDir]);
  for (const replica of ['"test.', '"test.w2.']) expect(dumped.out).toContain(replica);

  const one = await start('{ count: 1 }');
  expect(await one.metrics()).not.toContain('worker="');
  await waitFor('the calls that were cut off have rows', async () => {
    const found = new Set((await rows()).map(({ trace_id }) => trace_id));
    return [...names, ...more].every((name) => found.has(name));
  });
  await allShipped(one);
  await expectEachOnce();
  const cut = (await rows()).filter(({ trace_id }) => more.includes(trace_id));
  expect(new Set(cut.map(({ outcome }) => outcome))).toEqual(new Set(['crashed']));
  expect(new Set(cut.map(({ replica }) => replica.startsWith('test.w2.')))).toEqual(
    new Set([true, false]),
  );
  expect(await sumOf(one, 'tollgate_ledger_conservation_error')).toBe(0);
  expect(await one.stop()).toBe(0);
  expect(await isVerified()).toMatchObject({ ok: true, findings: [] });
}, 300_000);

test('a worker that is given up is seen to by another one', async () => {
  const gateway = await start('{ count: 2, crashes: 1 }');
  const names = Array.from({ length: 12 }, (_, i) => (0xcab000 + i).toString(16).padStart(32, '0'));
  const streams = names.map((name) => stream(gateway, name, 40));
  await waitFor('all streams have begun', () =>
    Promise.resolve(names.every((name) => tellApart([openai.journal], own).byTrace.has(name))),
  );
  process.kill(await pidOf(gateway, 2), 'SIGKILL');
  await Promise.all(streams);
  await waitFor('its calls have rows', async () => {
    const found = new Set((await rows()).map(({ trace_id }) => trace_id));
    return names.every((name) => found.has(name));
  });
  await allShipped(gateway);
  await expectEachOnce();
  expect((await workersOf(gateway)).map(({ state }) => state)).toEqual(['ready', 'waiting']);
  expect(await sumOf(gateway, 'tollgate_worker_up', { worker: '2' })).toBe(0);
  expect(gateway.output()).toContain('another one sees to its spool');
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  expect(existsSync(path.join(dataDir, 'ledger', 'worker-2'))).toBe(true);
  expect(await isVerified()).toMatchObject({ ok: true, findings: [] });
}, 300_000);

test('connections that all came to one worker move to the other one, without a call that fails', async () => {
  const gateway = await start('{ count: 2 }', 'info');
  const second = await pidOf(gateway, 2);
  process.kill(second, 'SIGSTOP');
  // What the stopped one had taken before is its own; these all come to the first.
  const agents = Array.from({ length: 40 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  let alive = true;
  const statuses = new Map<number | string, number>();
  const count = (status: number | string): void =>
    void statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const caller = async (agent: Agent): Promise<void> => {
    while (alive) {
      await ask(gateway, agent).then(count, (error: unknown) => count(String(error)));
      await sleep(50);
    }
  };
  const load = Promise.all(agents.map(caller));
  await waitFor('all connections are in use', () =>
    Promise.resolve((statuses.get(200) ?? 0) > 2 * agents.length),
  );
  process.kill(second, 'SIGCONT');
  const calls = (worker: string): Promise<number> =>
    sumOf(gateway, 'tollgate_calls_total', { worker });
  await waitFor('the second one has its share', async () => {
    const [first, other] = [await calls('1'), await calls('2')];
    await sleep(1_000);
    return (await calls('2')) - other > ((await calls('1')) - first) / 3;
  });
  alive = false;
  await load;
  for (const agent of agents) agent.destroy();
  expect([...statuses.keys()]).toEqual([200]);
  expect(await gateway.stop()).toBe(0);
  // Lines of both in one stream, each whole.
  const lines = gateway
    .output()
    .split('\n')
    .slice(1)
    .filter((line) => line.includes('"call"'));
  const workers = lines.map((line) => {
    const said: unknown = JSON.parse(line);
    return typeof said === 'object' && said !== null && 'worker' in said ? said.worker : null;
  });
  expect(new Set(workers)).toEqual(new Set([1, 2]));
  expect(lines.length).toBeGreaterThan(200);
}, 180_000);

test('a stop lets calls of all workers end, whoever else gets the signal; asked a second time, all end at once', async () => {
  const gateway = await start('{ count: 2 }');
  const pids = (await workersOf(gateway)).map(({ pid }) => pid);
  const names = Array.from({ length: 12 }, (_, i) => (0xbed000 + i).toString(16).padStart(32, '0'));
  const streams = names.map((name) => stream(gateway, name, 15));
  await waitFor('all streams have begun', () =>
    Promise.resolve(names.every((name) => tellApart([openai.journal], own).byTrace.has(name))),
  );
  // As a service manager or a terminal does.
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  expect(await gateway.stop()).toBe(0);
  for (const text of await Promise.all(streams)) expect(text).toContain('[DONE]');

  const again = await start('{ count: 2 }');
  const others = (await workersOf(again)).map(({ pid }) => pid);
  const long = 'ace'.padStart(32, '0');
  const open = stream(again, long, 200);
  await waitFor('it has begun', () =>
    Promise.resolve(tellApart([openai.journal], own).byTrace.has(long)),
  );
  again.signal('SIGTERM');
  await sleep(300);
  again.signal('SIGTERM');
  expect(await again.gone).toBe(1);
  await waitFor('no worker is left', () => Promise.resolve(!others.some(exists)));
  expect(await open).toBe(null);
}, 120_000);

test('a port that is taken is one clear line, and nothing is left running', async () => {
  const gateway = await start('{ count: 2 }');
  const port = Number(new URL(gateway.url).port);
  const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'tollgate-workers-'));
  await expect(
    startGateway({
      config: twoProviders(openai.origin, anthropic.origin, 'workers: { count: 2 }'),
      clickhouse,
      dataDir: elsewhere,
      port,
    }),
  ).rejects.toThrow(`exit 1): gateway: port ${port} on 127.0.0.1 is taken (TOLLGATE_PORT)\n`);
  rmSync(elsewhere, { recursive: true, force: true });
  expect(await gateway.stop()).toBe(0);
}, 120_000);
