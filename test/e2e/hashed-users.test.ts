/** With `users.hashKey` the name of an end user is nowhere in what a gateway writes down, and the same user is still the same. */
import { createHmac } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { startOtlpSink, type OtlpSink } from '../fakes/otlp-sink.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';

const hashKey = 'a-key-for-names-of-32-characters';
const user = 'ada@example.com';
const hashed = createHmac('sha256', hashKey).update(user).digest('hex').slice(0, 32);

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
let sink: OtlpSink;
let gateway: RunningGateway;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  openai = await startOpenai();
  sink = await startOtlpSink('grpc');
  gateway = await startGateway({
    config: twoProviders(
      openai.origin,
      openai.origin,
      'telemetry: { spanDelay: 50ms }\nledger: { segmentAge: 50ms }\nusers: { hashKey: "${USER_KEY}" }',
    ),
    clickhouse,
    otlpEndpoint: sink.address,
    env: { USER_KEY: hashKey },
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await reader.close();
  await Promise.all([openai.close(), sink.stop(), clickhouse.stop()]);
});

const ask = async (headers: Readonly<Record<string, string>>): Promise<void> => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(reply.status).toBe(200);
  await reply.text();
};

/** All that lies in a folder. */
const written = (folder: string): string =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name, 'latin1'))
    .join('\n');

test('row, spans, spool and log lines have the hash, whether a header or baggage names the user', async () => {
  await ask({ 'x-tollgate-user': user });
  await ask({ baggage: `enduser.id=${encodeURIComponent(user)}` });
  await ask({});
  await reader.rowsReach(3);
  const rows = await reader.query('SELECT caller_user FROM tollgate.calls ORDER BY started_at');
  expect(rows).toEqual([{ caller_user: hashed }, { caller_user: hashed }, { caller_user: '' }]);
  await eventually(() => sink.spans().length >= 6, 'six spans');
  const spans = sink.spans().map(({ text }) => text);
  expect(spans.filter((text) => text.includes(hashed))).toHaveLength(2);
  const everything = [...spans, gateway.output(), written(gateway.dataDir)].join('\n');
  expect(everything).not.toContain(user);
  expect(everything).not.toContain(hashKey);
});
