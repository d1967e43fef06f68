/** Requests without a valid key, and refused ones of a key, in numbers: counted, and hardly written down. */
import { readdirSync, statSync } from 'node:fs';
import { request, Agent } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';

let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await startGateway({ config: twoProviders(openai.origin, openai.origin) });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await openai.close();
});

const post = (agent: Agent, key: string, body: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    request(
      `${gateway.url}/v1/chat/completions`,
      { method: 'POST', agent, headers },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      },
    )
      .on('error', reject)
      .end(body);
  });
/** On connections of their own: one that was idle meanwhile may have been closed by the gateway. */
const many = async (times: number, key: string, body: string): Promise<ReadonlySet<number>> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  try {
    return new Set(await Promise.all(Array.from({ length: times }, () => post(agent, key, body))));
  } finally {
    agent.destroy();
  }
};
const body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}';

const valueOf = async (name: string, label = '', value = ''): Promise<number> =>
  samples(await gateway.metrics())
    .filter((one) => one.name === name && (label === '' || one.labels[label] === value))
    .reduce((sum, { text }) => sum + Number(text), 0);
const rows = (): Promise<number> => valueOf('tollgate_ledger_rows_total', 'result', 'spooled');
/** A call may be counted, and its row come to the disk, after its reply. */
const callsBecome = (count: number, outcome: string): Promise<void> =>
  vi.waitFor(
    async () => expect(await valueOf('tollgate_calls_total', 'outcome', outcome)).toBe(count),
    { timeout: 120_000, interval: 50 },
  );
const rowsBecome = (count: number): Promise<void> =>
  vi.waitFor(async () => expect(await rows()).toBe(count), { timeout: 120_000, interval: 50 });
const lines = (): number =>
  gateway
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"call"')).length;

test('of strangers a few are written down, all are counted, and nothing is forgotten of who is known', async () => {
  const startedMs = performance.now();
  expect(await many(3000, 'tg-wrong-key-0123456789', body)).toEqual(new Set([401]));
  expect(await many(5, gateway.key, body)).toEqual(new Set([200]));
  const allowed = 10 + Math.ceil((performance.now() - startedMs) / 1000);

  const counted = 3000;
  await callsBecome(counted, 'unidentified');
  const unwritten = await valueOf('tollgate_calls_unwritten_total', 'outcome', 'unidentified');
  expect(counted - unwritten).toBeGreaterThanOrEqual(10);
  expect(counted - unwritten).toBeLessThanOrEqual(allowed);
  await rowsBecome(counted - unwritten + 5);
  expect(await valueOf('tollgate_auth_failures_total', 'reason', 'unknown')).toBe(3000);
  expect(await valueOf('tollgate_ledger_conservation_error')).toBe(0);

  const spool = path.join(gateway.dataDir, 'ledger');
  const bytes = readdirSync(spool, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.seg'))
    .map((name) => statSync(path.join(spool, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
  expect(bytes).toBeLessThan(400_000);
});

test("a key's refusals have an allowance too, and its calls that reach a provider are all written down", async () => {
  const before = await rows();
  const startedMs = performance.now();
  const served = many(200, gateway.key, body);
  expect(await many(2000, gateway.key, '{"model":')).toEqual(new Set([400]));
  expect(await served).toEqual(new Set([200]));
  const allowed = 100 + 10 * Math.ceil((performance.now() - startedMs) / 1000);
  const refused = 2000;
  await callsBecome(refused, 'refused');
  const unwritten = await valueOf('tollgate_calls_unwritten_total', 'outcome', 'refused');
  expect(refused - unwritten).toBeLessThanOrEqual(allowed);
  await rowsBecome(before + 200 + refused - unwritten);
});

test('what is not written down is told of in one line for each reason, at the latest at the end', async () => {
  const written = await rows();
  expect(lines()).toBeLessThanOrEqual(written);
  await gateway.stop();
  const told = gateway
    .output()
    .split('\n')
    .filter((line) => line.includes('only counted'));
  const counts = new Map(
    told.map((line) => {
      const { error, calls } = JSON.parse(line);
      return [error, calls];
    }),
  );
  expect(new Set(counts.keys())).toEqual(new Set(['invalid_api_key', 'invalid_json']));
  expect(counts.get('invalid_api_key')).toBeGreaterThan(2900);
});
