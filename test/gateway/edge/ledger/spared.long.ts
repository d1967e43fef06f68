/** A row that recovery wrote for a call that has one already, on the real engine: the ledger is whole without it, and a row that somebody took away is missing all the same. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clickhouseSink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import { verifyLedger } from '../../../../gateway/src/edge/ledger/verification.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { rowJson } from '../../model/settlements.ts';
import { callBy, insertCalls, tableOf } from './priced-calls.ts';

let engine: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  engine = await startClickhouse();
  client = createClient({ url: engine.url, username: engine.user, password: engine.password });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});

const firstAtMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const calls = Array.from({ length: 40 }, (_, n) => callBy(n, tableOf('v1'), firstAtMs));
const found = async () => {
  const { findings, unlinked } = await verifyLedger({ client, from: null, onProgress() {} });
  return { findings, unlinked };
};

test('rows that were spared are no finding while their call has its row, and one when it has not', async () => {
  const sink = clickhouseSink(engine);
  // The fifth call went to the table from an earlier life; this life numbers its row and does not send it.
  const fifth = calls.slice(4, 5);
  const before = await insertCalls(engine, fifth, 'gateway.1');
  await insertCalls(engine, calls, 'gateway.2', { before, isSent: (seq) => seq !== 5 });
  expect(await found()).toMatchObject({
    findings: [{ kind: 'missing', replica: 'gateway.2', from: 5, to: 5 }],
  });
  const [call] = fifth;
  if (call === undefined) throw new Error('there is a fifth call');
  const json = Buffer.from(rowJson(call, 'gateway.2', 5));
  const row = { callId: call.call.id, seq: 5, json };
  for (let again = 0; again < 2; again += 1)
    expect(await sink.spare([row], 'gateway.2')).toEqual({ kind: 'done' });
  await sink.close();
  // Ten rows have no segment behind them; those of the one before, and of the other life, are vouched for.
  expect(await found()).toEqual({ findings: [], unlinked: 10 });
  await client.command({
    query: "ALTER TABLE tollgate.calls DELETE WHERE replica = 'gateway.1'",
    clickhouse_settings: { mutations_sync: '2' },
  });
  const gone = (await found()).findings;
  expect(gone).toContainEqual({ kind: 'missing', replica: 'gateway.1', from: 1, to: 1 });
  expect(gone).toContainEqual({ kind: 'missing', replica: 'gateway.2', from: 5, to: 5 });
});
