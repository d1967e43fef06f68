/** Rows that the spool has no room for: whoever counts calls and rows by outcome finds them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';

let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin, 'ledger: { maxRefusals: 8KiB }'),
  });
});
afterAll(async () => {
  await gateway.stop();
  await openai.close();
});

const post = async (body: string): Promise<number> => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body,
  });
  await reply.arrayBuffer();
  return reply.status;
};

/** Rows that lie in the spool; nothing takes them out of it here. */
const rowsOf = (outcome: string): number => {
  const dir = path.join(gateway.dataDir, 'ledger');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .flatMap((name) => readFileSync(path.join(dir, name), 'utf8').split('\n'))
    .filter((line) => line.startsWith('c ') && line.includes(`"${outcome}"`)).length;
};

test('rows = calls - unwritten holds for every outcome, also when the spool drops rows', async () => {
  // Fewer than the allowance of the key: it is the spool that has no room for them.
  for (let n = 0; n < 50; n += 1) expect(await post('{"model":')).toBe(400);
  for (let n = 0; n < 5; n += 1)
    expect(await post('{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}')).toBe(
      200,
    );
  const all = samples(await gateway.metrics());
  const valueOf = (name: string, outcome: string): number =>
    all
      .filter((one) => one.name === name && one.labels['outcome'] === outcome)
      .reduce((sum, { text }) => sum + Number(text), 0);
  expect(valueOf('tollgate_calls_total', 'refused')).toBe(50);
  expect(valueOf('tollgate_calls_unwritten_total', 'refused')).toBeGreaterThan(0);
  for (const outcome of ['refused', 'answered'])
    expect(
      valueOf('tollgate_calls_total', outcome) - valueOf('tollgate_calls_unwritten_total', outcome),
      outcome,
    ).toBe(rowsOf(outcome));
});
