/** Tokens of a real OpenID provider at the real gateway: who called stands in the ledger, keys rotate, and outages go by. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import {
  audience,
  makeKey,
  startIssuer,
  type FakeIssuer,
  type SigningKey,
} from '../fakes/issuer.ts';
import { eventually } from '../fakes/journal.ts';
import { startOidc, type OidcProvider } from '../fakes/oidc.ts';
import { startOpenai } from '../fakes/openai.ts';
import { samples } from './exposition.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
let oidc: OidcProvider;
/** One that keeps us waiting. */
let slow: FakeIssuer;
let held: ServerResponse[];
/** Of a Kubernetes API server, which nobody here can reach. */
const clusterIssuer = 'https://kubernetes.default.svc.cluster.local';
let clusterKey: SigningKey;
let dataDir: string;
let gateway: RunningGateway;
beforeAll(async () => {
  held = [];
  clusterKey = await makeKey('cluster', 'RS256');
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-tokens-'));
  writeFileSync(path.join(dataDir, 'jwks.json'), JSON.stringify({ keys: [clusterKey.jwk] }));
  [clickhouse, openai, oidc, slow] = await Promise.all([
    startClickhouse(),
    startOpenai(),
    startOidc(),
    startIssuer(),
  ]);
  reader = ledgerReader(clickhouse);
  slow.answer((response) => void held.push(response));
  gateway = await startGateway({
    config: twoProviders(
      openai.origin,
      openai.origin,
      `ledger: { segmentAge: 50ms }
issuers:
  - name: corp
    issuer: "${oidc.url}"
    audience: ${audience}
    claims: { team: /groups/0, application: client_id, user: email }
    required: { groups: ai }
  - { name: slow, issuer: "${slow.url}", audience: ${audience}, jwks: "${slow.url}/jwks" }
  - name: cluster
    issuer: ${clusterIssuer}
    audience: ${audience}
    jwksFile: jwks.json
    claims: { namespace: /kubernetes.io/namespace, application: /kubernetes.io/serviceaccount/name }`,
    ),
    clickhouse,
    dataDir,
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await reader.close();
  await Promise.all([openai.close(), clickhouse.stop(), oidc.close(), slow.close()]);
  rmSync(dataDir, { recursive: true, force: true });
});

const sent: string[] = [];
const ask = async (token: string): Promise<Response> => {
  sent.push(token);
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] }),
  });
};

const sample = async (metric: string, wanted: Record<string, string>): Promise<number> =>
  Number(
    samples(await gateway.metrics()).find(
      ({ name, labels }) =>
        name === metric &&
        Object.entries(wanted).every(([label, value]) => labels[label] === value),
    )?.text ?? NaN,
  );
const reload = async (change: (text: string) => string): Promise<void> => {
  const before = await sample('tollgate_config_reloads_total', { result: 'applied' });
  writeFileSync(`${gateway.configPath}.new`, change(readFileSync(gateway.configPath, 'utf8')));
  renameSync(`${gateway.configPath}.new`, gateway.configPath);
  const endMs = Date.now() + 120_000;
  while ((await sample('tollgate_config_reloads_total', { result: 'applied' })) === before) {
    if (Date.now() > endMs) throw new Error(gateway.output().slice(-500));
    await sleep(100);
  }
};

/** The first row of a key, once it is there. */
const rowOf = async (keyId: string): Promise<Record<string, string>> => {
  const endMs = Date.now() + 120_000;
  for (;;) {
    const [row] = await reader.query<Record<string, string>>(
      `SELECT outcome, caller_team, caller_app, caller_user, namespace FROM tollgate.calls WHERE caller_key_id = '${keyId}' LIMIT 1`,
    );
    if (row !== undefined) return row;
    if (Date.now() > endMs) throw new Error(`the row of ${keyId} never came`);
    await sleep(50);
  }
};

test('a call with an access token stands in the ledger under whom the provider named', async () => {
  expect((await ask(await oidc.token())).status).toBe(200);
  expect(await rowOf('jwt:corp:checkout')).toEqual({
    outcome: 'answered',
    caller_team: 'search',
    caller_app: 'checkout',
    caller_user: 'ada@example.org',
    namespace: '',
  });
});

test('a pod calls as its service account, by keys in a file beside the configuration', async () => {
  const sub = 'system:serviceaccount:shop:checkout';
  const token = await slow.sign(clusterKey, {
    iss: clusterIssuer,
    aud: [audience],
    sub,
    'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'checkout', uid: 'u' } },
  });
  expect((await ask(token)).status).toBe(200);
  expect(await rowOf(`jwt:cluster:${sub}`)).toMatchObject({
    outcome: 'answered',
    namespace: 'shop',
    caller_app: 'checkout',
  });
});

test('a new key serves with its first token, and the old one no more', async () => {
  const old = await oidc.token();
  expect((await ask(old)).status).toBe(200);
  await oidc.rotate();
  expect((await ask(await oidc.token())).status).toBe(200);
  const refused = await ask(old);
  expect(refused.status).toBe(401);
  expect(await refused.text()).toContain('no current key of its issuer');
  expect(await sample('tollgate_auth_failures_total', { reason: 'signature' })).toBe(1);
});

test('tokens of an issuer that kept us waiting are served once it answers, with a reload in between', async () => {
  await eventually(() => held.length > 0, 'the keys are asked for');
  const key = await makeKey('1');
  const waiting = ask(await slow.sign(key));
  // Other connections to the provider: those of before go when nobody uses them any more.
  await reload((text) =>
    text.replace('apiKey: "${OPENAI_KEY}"', 'maxConnections: 7, apiKey: "${OPENAI_KEY}"'),
  );
  // The question of the start may have been given up meanwhile, and the token's own is the next.
  slow.answer(null);
  slow.holds(key.jwk);
  for (const response of held) response.end(JSON.stringify({ keys: [key.jwk] }));
  const first = await waiting;
  expect([200, 503]).toContain(first.status);
  const endMs = Date.now() + 120_000;
  while ((await ask(await slow.sign(key))).status !== 200) {
    if (Date.now() > endMs) throw new Error('the issuer is back and its tokens are refused');
    await sleep(100);
  }
});

test('with the provider away tokens with known keys go on, over a reload too', async () => {
  const token = await oidc.token();
  const later = await oidc.token();
  expect((await ask(token)).status).toBe(200);
  await oidc.close();
  expect((await ask(token)).status).toBe(200);
  await reload((text) => `${text}# again\n`);
  // Nobody has seen this one yet, and nobody can be asked.
  expect((await ask(later)).status).toBe(200);
  expect(await sample('tollgate_issuer_keys_age_seconds', { issuer: 'corp' })).toBeGreaterThan(0);
  expect(
    await sample('tollgate_issuer_refreshes_total', { issuer: 'corp', result: 'changed' }),
  ).toBe(2);
});

test('no token is in the log', () => {
  for (const token of sent) expect(gateway.output()).not.toContain(token.split('.')[2]);
});
