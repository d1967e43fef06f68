/** `tollgate ledger close` and `check-close` as commands, on the real engine. What a close holds against is in `close.long.ts`. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usdText } from '../../gateway/src/model/money.ts';
import { costOfAttempts } from '../../gateway/src/model/settlement.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { callBy, insertCalls, tableOf } from '../gateway/edge/ledger/priced-calls.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-close-'));
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
/** The month before the last, so that it is over at any hour. */
const now = new Date();
const firstMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 2, 1);
const month = new Date(firstMs).toISOString().slice(0, 7);
const calls = Array.from({ length: 26 }, (_, n) => callBy(n, tableOf('v1'), firstMs));
const cost = usdText(calls.reduce((sum, { attempts }) => sum + costOfAttempts(attempts), 0n));

let engine: FakeClickhouse;
beforeAll(async () => {
  engine = await startClickhouse();
  await insertCalls(engine, calls, 'gateway.1');
});
afterAll(async () => {
  await engine?.stop();
  rmSync(directory, { recursive: true });
});

test('a month is closed, checked, checked against the ledger, and what is wrong is told by exit code', async () => {
  const folder = join(directory, month);
  const key = join(directory, 'key.pem');
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const run = (...args: readonly string[]) =>
    runTollgate(directory, ['ledger', ...args], {
      TOLLGATE_CLICKHOUSE_URL: engine.url,
      TOLLGATE_CLICKHOUSE_USER: engine.user,
      TOLLGATE_CLICKHOUSE_PASSWORD: engine.password,
    });
  const done = await run('close', month, '--key', key, '--out', folder);
  // What it writes beside is how far it is, which it says on a busy machine.
  expect(done.code).toBe(0);
  expect(done.out).toContain(`closed ${month}: 26 calls and 0 corrections, $${cost}`);
  const base64 = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  expect(done.out).toContain(`the public key: ${base64}`);
  const checked = await run('check-close', folder, '--public-key', base64, '--ledger');
  expect(checked.code).toBe(0);
  expect(checked.out).toContain('its files and the ledger are what was signed');
  rmSync(join(folder, 'focus.csv'));
  const changed = await run('check-close', folder, '--public-key', base64, '--json');
  expect(changed.code).toBe(1);
  expect(JSON.parse(changed.out)).toMatchObject({
    ok: false,
    month,
    findings: [{ kind: 'file', name: 'focus.csv' }],
  });
  const again = await run('close', month, '--key', key, '--out', folder, '--json');
  expect(again.code).toBe(1);
  expect(JSON.parse(again.out)).toMatchObject({ ok: false });
  expect(await run('close', 'october', '--key', key, '--out', folder)).toMatchObject({ code: 2 });
});
