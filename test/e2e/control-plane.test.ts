/** Keys and budgets made by API, as an administrator and the callers live with them: over HTTP, through a restart. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, type JsonObject } from '../../gateway/src/model/json.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';

const masterKey = 'tg-master-0123456789abcdefghijklmnopqrstuv';
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-control-'));

let openai: Fake;
let gateway: RunningGateway;
const start = (): Promise<RunningGateway> =>
  startGateway({
    config: twoProviders(
      openai.origin,
      openai.origin,
      'budgets: [{ id: written, scope: { team: nobody }, unit: usd, limit: 5, window: month }]',
    ),
    dataDir,
    env: { TOLLGATE_MASTER_KEY: masterKey },
  });
beforeAll(async () => {
  openai = await startOpenai();
  gateway = await start();
});
afterAll(async () => {
  await gateway.stop();
  await openai.close();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly body: JsonObject;
}

const ask = async (
  method: string,
  route: string,
  body?: unknown,
  key: string | null = masterKey,
): Promise<Reply> => {
  const reply = await fetch(gateway.url + route, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  return { status: reply.status, body: isObject(parsed) ? parsed : {} };
};

const call = async (key: string, model = 'gpt-4o-mini', maxTokens = 20): Promise<Reply> =>
  ask(
    'POST',
    '/v1/chat/completions',
    { model, max_tokens: maxTokens, messages: [{ role: 'user', content: 'hi' }] },
    key,
  );

const codeOf = ({ body }: Reply): unknown =>
  isObject(body['error']) ? body['error']['code'] : null;
const listOf = ({ body }: Reply): readonly JsonObject[] => {
  const data = body['data'];
  return Array.isArray(data) ? data.filter(isObject) : [];
};
const made = async (route: string, body: object): Promise<JsonObject> => {
  const reply = await ask('POST', route, body);
  expect([reply.status, reply.body]).toEqual([201, expect.anything()]);
  return reply.body;
};
const textAt = (body: JsonObject, name: string): string => {
  const value = body[name];
  if (typeof value !== 'string') throw new Error(`${name} is no text: ${JSON.stringify(body)}`);
  return value;
};

test('the control plane opens to the administrator only', async () => {
  for (const key of [null, gateway.key, 'tg-something-else'])
    for (const [method, route] of [
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
      ['GET', '/v1/budgets/written'],
      ['GET', '/v1/audit'],
    ] as const) {
      const reply = await ask(method, route, method === 'POST' ? {} : undefined, key);
      expect([route, reply.status, codeOf(reply)]).toEqual([route, 401, 'invalid_api_key']);
    }
  expect(codeOf(await call(masterKey))).toBe('invalid_api_key');
});

test('a key is made, works at once, and its secret is shown once', async () => {
  const key = await made('/v1/keys', {
    name: 'search in production',
    organization: 'acme',
    team: 'search',
    application: 'web',
    models: ['gpt-4o*'],
    metadata: { owner: 'ada' },
  });
  const secret = textAt(key, 'key');
  expect(secret).toMatch(/^tg-[A-Za-z0-9_-]{43}$/);
  expect((await call(secret)).status).toBe(200);
  expect(codeOf(await call(secret, 'claude-sonnet-4-5'))).toBe('model_not_found');
  const { key: _secret, ...rest } = key;
  expect((await ask('GET', `/v1/keys/${textAt(key, 'id')}`)).body).toEqual(rest);
  expect(rest).toMatchObject({ source: 'api', prefix: secret.slice(0, 8), models: ['gpt-4o*'] });
  const patched = await ask('PATCH', `/v1/keys/${textAt(key, 'id')}`, { models: null });
  expect(patched).toMatchObject({ status: 200, body: { models: null, team: 'search' } });
  expect(codeOf(await call(secret, 'claude-sonnet-4-5'))).not.toBe('model_not_found');
});

test('a rotated key has a new secret, and the old one ends with its grace', async () => {
  const key = await made('/v1/keys', { name: 'to rotate' });
  const [id, before] = [textAt(key, 'id'), textAt(key, 'key')];
  const rotated = await ask('POST', `/v1/keys/${id}/rotate`, { graceSeconds: 2 });
  const after = textAt(rotated.body, 'key');
  expect([rotated.status, after === before]).toEqual([200, false]);
  expect([(await call(before)).status, (await call(after)).status]).toEqual([200, 200]);
  await sleep(2100);
  expect([(await call(before)).status, (await call(after)).status]).toEqual([401, 200]);
  const again = await ask('POST', `/v1/keys/${id}/rotate`);
  expect((await call(after)).status).toBe(401);
  expect((await call(textAt(again.body, 'key'))).status).toBe(200);
});

test('a key ends when it is deleted, and when it expires', async () => {
  const key = await made('/v1/keys', { name: 'to delete' });
  expect((await call(textAt(key, 'key'))).status).toBe(200);
  expect((await ask('DELETE', `/v1/keys/${textAt(key, 'id')}`)).status).toBe(204);
  expect((await call(textAt(key, 'key'))).status).toBe(401);
  expect((await ask('GET', `/v1/keys/${textAt(key, 'id')}`)).status).toBe(404);
  const soon = new Date(Date.now() + 1500).toISOString();
  const short = await made('/v1/keys', { name: 'short', expiresAt: soon });
  expect((await call(textAt(short, 'key'))).status).toBe(200);
  await sleep(1600);
  expect((await call(textAt(short, 'key'))).status).toBe(401);
});

test('limits of a key hold for that key', async () => {
  const key = await made('/v1/keys', { name: 'limited', limits: { requestsPerMinute: 2 } });
  const secret = textAt(key, 'key');
  const statuses = [(await call(secret)).status, (await call(secret)).status];
  expect(statuses).toEqual([200, 200]);
  expect(codeOf(await call(secret))).toBe('rate_limit_exceeded');
  await ask('PATCH', `/v1/keys/${textAt(key, 'id')}`, { limits: { requestsPerMinute: 3 } });
  expect((await call(secret)).status).toBe(200);
  expect((await call(secret)).status).toBe(429);
});

test('a budget is made, holds at once, says how it stands, and is not made smaller than what is spent', async () => {
  const key = await made('/v1/keys', { name: 'spender', team: 'spenders' });
  const secret = textAt(key, 'key');
  const budget = await made('/v1/budgets', {
    scope: { team: 'spenders' },
    unit: 'usd',
    limit: '0.00005',
    window: 'month',
    timeZone: 'Europe/Berlin',
  });
  const route = `/v1/budgets/${textAt(budget, 'id')}`;
  expect(budget).toMatchObject({
    used: '0',
    reserved: '0',
    remaining: '0.00005',
    mode: 'hard',
    thresholds: [0.7, 0.8, 1],
  });
  expect((await call(secret)).status).toBe(200);
  const refused = await call(secret, 'gpt-4o-mini', 100_000);
  expect([refused.status, codeOf(refused)]).toEqual([429, 'budget_exceeded']);
  const { body } = await ask('GET', route);
  expect(Number(body['used'])).toBeGreaterThan(0);
  expect(Number(body['used']) + Number(body['remaining'])).toBeCloseTo(0.00005, 12);
  expect(Date.parse(textAt(body, 'resetsAt'))).toBeGreaterThan(Date.now());
  const smaller = await ask('PATCH', route, { limit: '0.0000001' });
  expect([smaller.status, codeOf(smaller)]).toEqual([409, 'conflict']);
  expect((await ask('PATCH', route, { limit: 1 })).body).toMatchObject({
    limit: '1',
    used: body['used'],
  });
  expect((await call(secret, 'gpt-4o-mini', 100_000)).status).toBe(200);
  expect((await ask('DELETE', route)).status).toBe(204);
  expect((await ask('GET', route)).status).toBe(404);
});

test('what the file says is shown and not changed', async () => {
  expect(listOf(await ask('GET', '/v1/keys')).find(({ id }) => id === 'test')).toMatchObject({
    source: 'file',
    team: 'shop',
  });
  const { body } = await ask('GET', '/v1/budgets/written');
  expect(body).toMatchObject({
    source: 'file',
    scope: { team: 'nobody' },
    limit: '5',
    window: 'month',
    used: '0',
  });
  for (const [method, route, said] of [
    ['PATCH', '/v1/budgets/written', { limit: 6 }],
    ['DELETE', '/v1/budgets/written', undefined],
    ['DELETE', '/v1/keys/test', undefined],
    ['POST', '/v1/budgets', { id: 'written', unit: 'usd', limit: 1, window: 'day' }],
  ] as const)
    expect([method, (await ask(method, route, said)).status]).toEqual([method, 409]);
});

test('names of another gateway mean what they mean there', async () => {
  const key = await made('/v1/keys', { key_name: 'moved', allowed_models: ['gpt-4o-mini'] });
  expect(key).toMatchObject({ name: 'moved', models: ['gpt-4o-mini'] });
  const budget = await made('/v1/budgets', { max_budget: 12.5, budget_duration_sec: 3600 });
  expect(budget).toMatchObject({ unit: 'usd', limit: '12.5', window: 'rolling', length: '3600s' });
});

test.each([
  ['/v1/keys', { nmae: 'x' }, 'nmae'],
  ['/v1/keys', { name: '' }, 'name'],
  ['/v1/keys', { name: 'x', key_name: 'y' }, 'key_name'],
  ['/v1/keys', { models: [] }, 'models'],
  ['/v1/keys', { expiresAt: 'tomorrow' }, 'expiresAt'],
  ['/v1/keys', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
  ['/v1/keys', { limits: { requestsPerMinute: 0 } }, 'limits.requestsPerMinute'],
  ['/v1/keys', { metadata: { x: 'y'.repeat(9000) } }, 'metadata'],
  ['/v1/budgets', { unit: 'usd', window: 'day' }, 'limit'],
  ['/v1/budgets', { unit: 'euro', limit: 1, window: 'day' }, 'unit'],
  ['/v1/budgets', { unit: 'usd', limit: -1, window: 'day' }, 'limit'],
  ['/v1/budgets', { unit: 'usd', limit: 1, window: 'day', timeZone: 'Mars/Olympus' }, 'timeZone'],
  ['/v1/budgets', { unit: 'usd', limit: 1, window: 'day', scope: { teem: 'x' } }, 'scope.teem'],
])('POST %s %j names the field %s, and nothing is made', async (route, body, param) => {
  const before = listOf(await ask('GET', route)).length;
  const reply = await ask('POST', route, body);
  expect(reply).toMatchObject({ status: 400, body: { error: { code: 'invalid_value', param } } });
  expect(listOf(await ask('GET', route))).toHaveLength(before);
});

test('a body that is no JSON object is refused', async () => {
  for (const body of ['[]', '{"name":', '"x"', 'null'])
    expect(
      (
        await fetch(`${gateway.url}/v1/keys`, {
          method: 'POST',
          headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' },
          body,
        })
      ).status,
    ).toBe(400);
});

test('lists come in pages', async () => {
  const all = listOf(await ask('GET', '/v1/keys?limit=1000')).map(({ id }) => id);
  const seen: unknown[] = [];
  let next = '';
  for (;;) {
    const page = await ask('GET', `/v1/keys?limit=2&after=${next}`);
    seen.push(...listOf(page).map(({ id }) => id));
    if (page.body['has_more'] !== true) break;
    next = textAt(page.body, 'next');
  }
  expect(seen).toEqual(all);
  for (const limit of ['0', '1001', 'x', '1.5'])
    expect((await ask('GET', `/v1/keys?limit=${limit}`)).status).toBe(400);
});

/** All that lies in the data directory. */
const written = (): string =>
  readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(dataDir, name))
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name, 'latin1'))
    .join('\n');

test('each change and each refused try is in the audit, and no secret is anywhere', async () => {
  const key = await made('/v1/keys', { name: 'watched', team: 'audit' });
  const id = textAt(key, 'id');
  await ask('PATCH', `/v1/keys/${id}`, { team: 'other' });
  await ask('PATCH', `/v1/keys/${id}`, { limits: { parallelCalls: -1 } });
  await ask('DELETE', `/v1/keys/${id}`);
  const entries: JsonObject[] = [];
  for (let after = 0; ;) {
    const page = listOf(await ask('GET', `/v1/audit?after=${after}&limit=50`));
    if (page.length === 0) break;
    entries.push(...page);
    after = Number(page.at(-1)?.['number']);
  }
  expect(entries.map(({ number }) => number)).toEqual(entries.map((_, i) => i + 1));
  for (const [i, entry] of entries.entries())
    expect(entry['previousSha256']).toBe(i === 0 ? '' : entries[i - 1]?.['sha256']);
  expect(entries.filter((entry) => entry['id'] === id)).toMatchObject([
    { action: 'create', actor: 'master', before: null, after: { team: 'audit' }, refused: null },
    { action: 'update', before: { team: 'audit' }, after: { team: 'other' }, refused: null },
    {
      action: 'update',
      before: null,
      after: null,
      refused: expect.stringContaining('limits.parallelCalls'),
    },
    { action: 'delete', before: { team: 'other' }, after: null, refused: null },
  ]);
  const everything = [
    JSON.stringify(entries),
    gateway.output(),
    written(),
    await gateway.metrics(),
  ].join('\n');
  expect(everything).not.toContain(textAt(key, 'key'));
  expect(everything).not.toContain(textAt(key, 'key').slice(10));
  expect(everything).not.toContain(masterKey);
});

test('keys, budgets and the audit outlive the process', async () => {
  const key = await made('/v1/keys', { name: 'lasting', team: 'lasting' });
  const budget = await made('/v1/budgets', {
    scope: { team: 'lasting' },
    unit: 'requests',
    limit: 2,
    window: 'day',
  });
  expect((await call(textAt(key, 'key'))).status).toBe(200);
  const before = (await ask('GET', '/v1/audit?limit=1000')).body;
  await gateway.stop();
  gateway = await start();
  expect((await ask('GET', '/v1/audit?limit=1000')).body).toEqual(before);
  expect((await ask('GET', `/v1/budgets/${textAt(budget, 'id')}`)).body).toMatchObject({
    used: '1',
    remaining: '1',
  });
  expect((await call(textAt(key, 'key'))).status).toBe(200);
  expect((await call(textAt(key, 'key'))).status).toBe(429);
});
