/**
 * `npm run start-again -- --cycles 60`: the whole product under load; kill -9 of one of its processes, some of them or all, at random;
 * started again at once. It must get ready every time, and in the end the ledger must hold every call that a provider
 * served, as the providers' own journal says, exactly once.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generator, makeCall, planCall } from '../e2e/workload.ts';
import { startAnthropic } from '../fakes/anthropic.ts';
import { testKey, twoProviders } from '../fakes/gateway.ts';
import { ownPath, tellApart } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { readOptions } from '../bench/support/options.ts';
import { addresses, alive, choosePorts, everyRole, startProduct } from './product.ts';
import type { Product, Role, Running } from './product.ts';

const options = readOptions(
  {
    cycles: { kind: 'number', value: 8, range: [1, 10_000], help: 'kills' },
    seed: { kind: 'number', value: 1, range: [0, 1e9], help: 'of calls and kills' },
    width: { kind: 'number', value: 16, range: [1, 200], help: 'calls at a time' },
  },
  process.argv.slice(2),
);

const say = (text: string) => process.stdout.write(`${text}\n`);
const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-start-again-'));
const dataDir = path.join(dir, 'data');
const [openai, anthropic, ports] = [
  await startOpenai(),
  await startAnthropic(),
  await choosePorts(),
];
const config = path.join(dir, 'tollgate.yaml');
const ours = ownPath();
writeFileSync(
  config,
  `${twoProviders(
    openai.origin + ours,
    anthropic.origin + ours,
    'timeouts: { idle: 1s, firstByte: 2s, total: 4s }\nretry: { backoff: 5ms, backoffMax: 50ms }\nlog: { level: error }\nledger: { segmentAge: 200ms }',
  )}
keys:
  - { id: test, secret: "\${TEST_KEY}", team: shop }
`,
);
const env: Record<string, string> = {
  TOLLGATE_DATA_DIR: dataDir,
  TOLLGATE_CONFIG: config,
  TEST_KEY: testKey,
  OPENAI_KEY: 'sk-openai-secret',
  ANTHROPIC_KEY: 'sk-anthropic-secret',
  TOLLGATE_HOST: '127.0.0.1',
};
for (const [name, variable] of Object.entries(addresses)) {
  env[variable] = String(Object.entries(ports).find(([one]) => one === name)?.[1] ?? 0);
}
const at = (name: keyof typeof ports) => `http://127.0.0.1:${ports[name]}`;

/** Calls whose whole reply the client has. */
const answered = new Set<string>();
let [next, working] = [0, true];
const worker = async (): Promise<void> => {
  while (working) {
    const planned = planCall(options.seed, next, testKey);
    next += 1;
    const { status, hungUp } = await makeCall(at('gateway'), planned);
    if (status === 200 && !hungUp) answered.add(planned.traceId);
    // Nobody listens at the moment, or who listens is going.
    if ((status === 0 || status === 503) && !hungUp) await sleep(50);
  }
};

const seen = new Map<string, Running>();
const note = (processes: readonly Running[]) => {
  for (const one of processes) seen.set(`${one.pid} ${one.began}`, one);
};

const random = generator(options.seed);
const any = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];

/** One process, some, or all of them. */
const victimsOf = (processes: readonly Running[]): readonly Running[] => {
  const dice = random();
  if (dice < 0.15) return processes;
  if (dice < 0.3) return processes.filter(() => random() < 0.4);
  const role = any([...new Set(processes.map((one) => one.role))]);
  return processes.filter((one) => one.role === role);
};

const starting: readonly Role[] = ['npm', 'boot', 'starter'];

const answers = async (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    async (reply) => (await reply.arrayBuffer(), reply.ok),
    () => false,
  );

/** How long a part may take to come back on a busy machine. */
const generousMs = 240_000;
const until = async (holds: () => boolean | Promise<boolean>, what: string, product: Product) => {
  const endMs = performance.now() + generousMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`never: ${what}\n${product.said()}`);
    await sleep(50);
  }
};
const query = (sql: string): Promise<Response> =>
  fetch(at('clickhouse'), {
    method: 'POST',
    headers: {
      'x-clickhouse-user': 'reader',
      'x-clickhouse-key': readFileSync(path.join(dataDir, 'keys/reader.key'), 'utf8').trim(),
    },
    body: sql,
    signal: AbortSignal.timeout(60_000),
  });
/** Also while the engine's process is away, its front answers a ping. */
const engineAnswers = (): Promise<boolean> =>
  query('SELECT 1').then(
    async (reply) => (await reply.text()) === '1\n',
    () => false,
  );
const allAnswer = async () =>
  (
    await Promise.all([
      answers(`${at('gateway')}/health/ready`),
      engineAnswers(),
      answers(`${at('router')}/health/ready`),
    ])
  ).every(Boolean);

const readLedger = async (): Promise<ReadonlyMap<string, number>> => {
  const reply = await query(
    'SELECT trace_id, count() FROM tollgate.calls GROUP BY trace_id FORMAT TSV',
  );
  const text = await reply.text();
  if (!reply.ok) throw new Error(`the ledger cannot be read: ${text}`);
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return new Map(lines.map(([traceId = '', count = '']) => [traceId, Number(count)]));
};
const spooledBytes = async (): Promise<number> => {
  const text = await (await fetch(`${at('gateway')}/metrics`)).text();
  return Number(/^tollgate_ledger_spool_bytes (\d+)/m.exec(text)?.[1] ?? NaN);
};

const problems: string[] = [];
const kills = new Map<string, number>();
const readyMs: number[] = [];
let product = startProduct(env);
process.on('exit', () => {
  for (const one of [...seen.values(), ...product.processes()])
    if (alive(one)) process.kill(one.pid, 'SIGKILL');
});
await product.ready();
const load = Promise.all(Array.from({ length: options.width }, worker));

for (let cycle = 1; cycle <= options.cycles; cycle += 1) {
  const before = answered.size;
  await until(() => answered.size >= before + 30, 'calls are answered', product);
  await sleep(random() * 500);
  const processes = product.processes();
  note(processes);
  const victims = victimsOf(processes);
  for (const one of victims) if (alive(one)) process.kill(one.pid, 'SIGKILL');
  const names =
    victims.length === processes.length
      ? 'all'
      : [...new Set(victims.map(({ role }) => role))].join('+') || 'none';
  kills.set(names, (kills.get(names) ?? 0) + 1);
  const startMs = performance.now();
  if (victims.some(({ role }) => starting.includes(role))) {
    product = startProduct(env);
    await product.ready();
  } else await until(allAnswer, 'every part answers again', product);
  readyMs.push(performance.now() - startMs);
  note(product.processes());
  say(
    `${cycle}/${options.cycles} kill -9 ${names}: ready after ${Math.round(readyMs.at(-1) ?? 0)} ms, ${answered.size} calls answered`,
  );
}

working = false;
await load;
await until(allAnswer, 'every part answers', product);
await until(async () => (await spooledBytes()) === 0, 'the spool is empty', product);
const rows = await readLedger();
const exit = await product.stop();
if (exit !== 0) problems.push(`the last stop ended with ${exit}:\n${product.said()}`);
const left = [...seen.values()].filter(alive);
if (left.length > 0) problems.push(`processes left: ${JSON.stringify(left)}`);

for (const role of everyRole)
  if (![...seen.values()].some((one) => one.role === role))
    problems.push(`no process was ever taken for the ${role}`);

const { byTrace: served, untraced, strange } = tellApart([openai.journal, anthropic.journal], ours);
for (const line of strange) say(`not counted, from another program: ${line}`);
for (const line of untraced) problems.push(`no traceparent came with ${line}`);
const missing = [...served.keys(), ...answered].filter((traceId) => !rows.has(traceId));
const twice = [...rows].filter(([, count]) => count > 1);
if (missing.length > 0) problems.push(`${missing.length} calls have no row, such as ${missing[0]}`);
if (twice.length > 0)
  problems.push(`${twice.length} calls have several rows, such as ${String(twice[0])}`);

await Promise.all([openai.close(), anthropic.close()]);
if (problems.length === 0) rmSync(dir, { recursive: true, force: true });
const sorted = readyMs.toSorted((a, b) => a - b);
say(
  `${options.cycles} kills (${[...kills].map(([name, n]) => `${name} ${n}`).join(', ')}): ready every time, ` +
    `median ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms, slowest ${Math.round(sorted.at(-1) ?? 0)} ms; ` +
    `${served.size} calls reached a provider, ${answered.size} answered whole, ${rows.size} calls in the ledger, ${missing.length} missing, ${twice.length} twice`,
);
for (const problem of problems) say(`PROBLEM: ${problem}`);
if (problems.length > 0) say(`kept for a look: ${dir}`);
process.exit(problems.length === 0 ? 0 : 1);
