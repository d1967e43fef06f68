/** Keys, budgets and the audit from the command line, against a running gateway. */
import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { runTollgate, type Ran } from '../gateway/cli/run.ts';

const masterKey = 'tg-master-0123456789abcdefghijklmnopqrstuv';
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-commands-'));

let openai: Fake;
let gateway: RunningGateway;
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin),
    dataDir,
    env: { TOLLGATE_MASTER_KEY: masterKey },
  });
});
afterAll(async () => {
  await gateway.stop();
  await openai.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const tollgate = (...args: readonly string[]): Promise<Ran> =>
  runTollgate(dataDir, [...args, '--url', gateway.url], { TOLLGATE_MASTER_KEY: masterKey });
const call = async (key: string): Promise<number> => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }),
  });
  await reply.text();
  return reply.status;
};

test('a key is made, used, rotated, listed and revoked', async () => {
  const made = await tollgate(
    'keys',
    'create',
    '--name',
    'ci',
    '--team',
    'build',
    '--parallel-calls',
    '3',
  );
  expect([made.code, made.err]).toEqual([0, '']);
  const [id = '', secret = ''] = made.out.split('\n');
  expect(await call(secret)).toBe(200);
  const rotated = await tollgate('keys', 'rotate', id);
  expect([await call(secret), await call(rotated.out.trim())]).toEqual([401, 200]);
  const listed = await tollgate('keys', 'list');
  expect(listed.out).toMatch(/^ID +NAME +TEAM /);
  expect(listed.out).toMatch(new RegExp(`^${id} +ci +build .*parallelCalls=3 .*api$`, 'm'));
  expect(listed.out).toMatch(/^test +test +shop .*file$/m);
  expect(await tollgate('keys', 'revoke', id)).toMatchObject({
    code: 0,
    out: `${id} is no key any more\n`,
  });
  expect(await call(rotated.out.trim())).toBe(401);
  const again = await tollgate('keys', 'revoke', id);
  expect([again.code, again.err]).toEqual([
    1,
    `tollgate: cannot revoke ${id}: There is none of this id.\n`,
  ]);
});

test('a budget is made, seen, changed and deleted', async () => {
  const scope = ['--scope', 'team=build,tag=feature=*'];
  const made = await tollgate(
    'budgets',
    'create',
    '--id',
    'build',
    ...scope,
    '--unit',
    'usd',
    '--limit',
    '2.50',
    '--window',
    'month',
  );
  expect(made).toMatchObject({ code: 0, out: 'build\n' });
  expect((await tollgate('budgets', 'list')).out).toMatch(
    /^build +team=build tag=feature=\* +usd +2\.50 +month +hard +0 +0 +2\.50 /m,
  );
  expect((await tollgate('budgets', 'change', 'build', '--limit', '3', '--json')).out).toContain(
    '"limit":"3"',
  );
  const wrong = await tollgate(
    'budgets',
    'create',
    '--unit',
    'usd',
    '--limit',
    'much',
    '--window',
    'month',
  );
  expect([wrong.code, wrong.err]).toEqual([
    1,
    'tollgate: cannot make the budget: limit: must be a number that is not negative; dollars with at most 12 decimals.\n',
  ]);
  expect((await tollgate('budgets', 'delete', 'build')).code).toBe(0);
  expect(
    (await tollgate('budgets', 'create', '--scope', 'team', '--unit', 'usd', '--limit', '1')).code,
  ).toBe(2);
});

test('the audit says what was done, and an entry that somebody changes shows', async () => {
  const whole = await tollgate('audit', 'verify');
  expect([whole.code, whole.out]).toEqual([0, expect.stringMatching(/^\d+ entries, each linked/)]);
  expect((await tollgate('audit', 'list')).out).toMatch(
    / master +127\.0\.0\.1 +create +budget +build$/m,
  );
  const database = new DatabaseSync(path.join(dataDir, 'control.sqlite'));
  database.exec(
    `UPDATE audit SET body = replace(body, '"team":"build"', '"team":"other"') WHERE number = 1`,
  );
  database.exec('DELETE FROM audit WHERE number = 3');
  database.close();
  const broken = await tollgate('audit', 'verify', '--json');
  expect([broken.code, JSON.parse(broken.out)]).toMatchObject([
    1,
    { ok: false, problems: ['entry 1 was changed', 'entry 4 follows entry 2'] },
  ]);
});

test('without an administrator key, or a gateway, the reason is said', async () => {
  const none = await runTollgate(dataDir, ['keys', 'list', '--url', gateway.url], {
    TOLLGATE_DATA_DIR: dataDir,
  });
  expect([none.code, none.err]).toEqual([
    1,
    expect.stringContaining("there is no administrator's key"),
  ]);
  const wrong = await runTollgate(dataDir, ['keys', 'list', '--url', gateway.url], {
    TOLLGATE_MASTER_KEY: 'tg-wrong',
  });
  expect(wrong.err).toContain("The control plane needs the administrator's key");
  const nobody = await runTollgate(dataDir, ['keys', 'list', '--url', 'http://127.0.0.1:9'], {
    TOLLGATE_MASTER_KEY: masterKey,
  });
  expect(nobody.err).toMatch(/http:\/\/127\.0\.0\.1:9 does not answer/);
});
