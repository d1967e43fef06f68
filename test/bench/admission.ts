/**
 * `npm run bench -- admission`: CPU of what a call costs before its providers are asked and when it is over, for knowing who calls and
 * holding what it may come to: with no budget, with five in force, and with a hundred thousand keys that each have two of their own.
 * In one interleaved run; beside it, as a yardstick, one SHA-256 of as many bytes as such a call has.
 */
import { createHash, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Changed } from '../../gateway/src/control/directory.ts';
import { secretHash } from '../../gateway/src/control/hash.ts';
import { newKey } from '../../gateway/src/control/keys.ts';
import { Control } from '../../gateway/src/edge/control/control.ts';
import type { ControlStore } from '../../gateway/src/edge/control/store.ts';
import { Admission } from '../../gateway/src/edge/budgets/admission.ts';
import { readConfig } from '../../gateway/src/edge/config/read.ts';
import { compilePrices } from '../../gateway/src/edge/prices/catalog.ts';
import { startRuntime, type Runtime } from '../../gateway/src/edge/runtime.ts';
import { logger } from '../../gateway/src/edge/telemetry/log.ts';
import { metricStore } from '../../gateway/src/edge/telemetry/store.ts';
import { startKeySets } from '../../gateway/src/edge/tokens/issuers.ts';
import { startShared } from '../../gateway/src/edge/upstream/upstreams.ts';
import { promptOf } from '../../gateway/src/decide/budgets/prompt.ts';
import type { AskedFor } from '../../gateway/src/flow/effects.ts';
import { providers } from '../../gateway/src/providers/registry.ts';
import { someAttempt, someSettlement } from '../gateway/model/settlements.ts';
import { cpuSeconds } from './support/cpu.ts';
import { readOptions } from './support/options.ts';
import { publish, table } from './support/report.ts';

const options = {
  calls: { kind: 'number', value: 40_000, range: [1000, 10_000_000], help: 'calls of a round' },
  rounds: { kind: 'number', value: 7, range: [1, 1000], help: 'rounds, after one to warm up' },
  keys: { kind: 'number', value: 100_000, range: [10, 1_000_000], help: 'keys of the large case' },
  width: { kind: 'number', value: 40, range: [1, 10_000], help: 'calls that run at once' },
} as const;

const fiveBudgets = `budgets:
  - { id: all, unit: usd, limit: 1000000, window: month, timeZone: Europe/Berlin }
  - { id: org, scope: { organization: acme }, unit: usd, limit: 1000000, window: day }
  - { id: team, scope: { team: '*' }, unit: usd, limit: 1000000, window: month }
  - { id: user, scope: { user: '*' }, unit: tokens, limit: 1000000000, window: day }
  - { id: minute, scope: { application: shop }, unit: requests, limit: 100000000, window: rolling, length: 60s }
`;

interface Case {
  readonly name: string;
  readonly runtime: Runtime;
  readonly admission: Admission;
  readonly control: Control;
  readonly secrets: readonly string[];
}

const hashKey = 'a key for hashes';
const secretOf = (n: number): string => `tg-${hash('sha256', `key ${n}`, 'base64url')}`;

const keyRecord = (n: number, limits: object): Changed => {
  const fresh = {
    id: `key_${n}`,
    hash: secretHash(hashKey, secretOf(n)),
    prefix: 'tg-bench',
    nowMs: Date.now(),
  };
  const read = newKey(
    { organization: 'acme', team: `t${n % 40}`, application: 'shop', limits },
    fresh,
  );
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  return { kind: 'there', record: read.value };
};

/** A store that has these records, and no disk. */
const storeOf = (changes: readonly Changed[]): ControlStore => ({
  since: () => Promise.resolve({ version: 1, changes }),
  put: () => Promise.resolve({ kind: 'stale' }),
  audit: () => Promise.resolve([]),
  close: () => Promise.resolve(),
});

/** Keys seen lately: those of busy callers. */
const busyKeys = 10;

const caseOf = async (
  dir: string,
  name: string,
  { budgets, keys, limits = {} }: { budgets: string; keys: number; limits?: object },
): Promise<Case> => {
  const file = path.join(dir, `${name}.yaml`);
  writeFileSync(file, `providers: { openai: { apiKey: "\${KEY}" } }\n${budgets}`);
  const read = await readConfig({ path: file, env: { KEY: 'sk-bench-0123456789' }, providers });
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  const control = await Control.start({
    store: storeOf(Array.from({ length: keys }, (_, n) => keyRecord(n, limits))),
    hashKey,
    taken: () => false,
    states: () => [],
    onChange: () => {},
    onError: () => {},
  });
  const runtime = startRuntime(read.config, compilePrices(read.config), {
    origins: new Map(),
    shared: startShared(() => {}),
    keySets: startKeySets({ refreshed: () => {}, failed: () => {}, recovered: () => {} }),
    storedCaller: (secret) => control.caller(secret),
  });
  const admission = new Admission({
    budgets: [...runtime.budgets, ...control.directory.inForce()],
    maxAccounts: 1_000_000,
    store: metricStore(100),
    log: logger('silent', { write: () => {} }),
    path: path.join(dir, `${name}.sqlite`),
  });
  const secrets = Array.from({ length: busyKeys }, (_, n) =>
    secretOf(Math.floor((n * keys) / busyKeys)),
  );
  return { name, runtime, admission, control, secrets };
};

const body = {
  model: 'gpt-4o-mini',
  max_tokens: 500,
  messages: [
    { role: 'system', content: 'You answer briefly. '.repeat(20) },
    { role: 'user', content: 'What is the capital of France, and why? '.repeat(20) },
  ],
};
const bytes = Buffer.from(JSON.stringify(body));
const targets = [{ provider: 'openai', model: 'gpt-4o-mini' }];
const parameters = { ...someSettlement.call.parameters, model: 'gpt-4o-mini', maxTokens: 500 };

/** Microseconds of CPU a call. */
const admit = (
  { runtime, admission, secrets }: Case,
  { calls, width }: { readonly calls: number; readonly width: number },
): number => {
  const settlements = [{ ...someSettlement, attempts: [someAttempt] }];
  const before = cpuSeconds([process.pid]);
  for (let at = 0; at < calls; at += width) {
    const held = [];
    for (let i = 0; i < width; i += 1) {
      const who = runtime.identify(`Bearer ${secrets[(at + i) % secrets.length] ?? ''}`, undefined);
      if (who instanceof Promise || who.kind === 'unknown')
        throw new Error('the benchmark does not know its own keys');
      const call: AskedFor = {
        facts: {
          ...someSettlement.call,
          startedAtMs: Date.now(),
          identity: { agent: '', session: '', user: `u${(at + i) % 50}`, tags: {} },
        },
        caller: who.caller,
        parameters: {
          ...parameters,
          stream: true,
          wantsStreamUsage: true,
          choices: 1,
          temperature: null,
          topP: null,
          dimensions: {},
        },
        targets,
        request: { prompt: () => promptOf(body, bytes.length), inputTokens: () => 200 },
      };
      const admitted = admission.reserve(call, runtime);
      if (admitted.kind === 'refused') throw new Error(admitted.refusal.message);
      held.push(admitted.reservation);
    }
    for (const reservation of held)
      if (reservation !== null) admission.settle(reservation, settlements[0] ?? null);
  }
  return ((cpuSeconds([process.pid]) - before) / calls) * 1e6;
};

const digest = (calls: number): number => {
  const before = cpuSeconds([process.pid]);
  for (let i = 0; i < calls; i += 1) createHash('sha256').update(bytes).digest('hex');
  return ((cpuSeconds([process.pid]) - before) / calls) * 1e6;
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

export const run = async (args: readonly string[]): Promise<void> => {
  const { calls, rounds, keys, width, json } = readOptions(options, args);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-bench-admission-'));
  try {
    const limits = { requestsPerMinute: 1_000_000_000, parallelCalls: 1_000_000 };
    const cases = [
      await caseOf(dir, 'no budget, 10 keys', { budgets: '', keys: 10 }),
      await caseOf(dir, 'five budgets, 10 keys', { budgets: fiveBudgets, keys: 10 }),
      await caseOf(dir, `five budgets, ${keys} keys`, { budgets: fiveBudgets, keys }),
      await caseOf(dir, `five budgets and two of each key, ${keys} keys`, {
        budgets: fiveBudgets,
        keys,
        limits,
      }),
    ];
    const spent = new Map<string, number[]>();
    const note = (name: string, us: number): void => {
      spent.set(name, [...(spent.get(name) ?? []), us]);
    };
    for (let round = 0; round <= rounds; round += 1)
      for (const one of round % 2 === 0 ? cases : cases.toReversed()) {
        const [us, yardstick] = [admit(one, { calls, width }), digest(calls)];
        if (round === 0) continue;
        note(one.name, us);
        note(`SHA-256 of ${bytes.length} bytes`, yardstick);
      }
    const results = [...spent].map(([name, us]) => ({ name, us: median(us) }));
    const text = table([
      ['', 'us of CPU a call'],
      ...results.map(({ name, us }) => [name, us.toFixed(2)]),
    ]);
    publish('admission', text, { calls, rounds, keys, width, results }, json);
    for (const { runtime, control } of cases) await Promise.all([runtime.close(), control.close()]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};
