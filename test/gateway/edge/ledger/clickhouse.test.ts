import { once } from 'node:events';
import { rmSync } from 'node:fs';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createClient } from '@clickhouse/client';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callColumns, earlierColumns } from '../../../../gateway/src/contract/ledger.ts';
import { clickhouseSink, type Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { anySettlement } from '../../model/any-settlement.ts';
import { rowJson, someCall, someSettlement } from '../../model/settlements.ts';
import { callId, idOfRow, intentOf, ledgerIn, tempDir, until } from './support.ts';

let engine: FakeClickhouse;
let sink: Sink;
let replica = 0;

beforeAll(async () => {
  engine = await startClickhouse();
  sink = clickhouseSink(engine);
});
afterAll(async () => {
  await sink.close();
  await engine.stop();
  // Its second life was given the directory, and so leaves it.
  rmSync(engine.dataDir, { recursive: true, force: true });
});

/** A name that no other test's rows have. */
const newReplica = (): string => {
  replica += 1;
  return `replica-${replica}`;
};

/** The row of a call of just now (the table forgets old ones) with an id of its own (it keeps one row for each). */
const rowOf = (name: string, seq: number, settlement: Settlement = someSettlement): Buffer =>
  Buffer.from(
    rowJson(
      {
        ...settlement,
        call: { ...settlement.call, id: callId(replica * 1000 + seq), startedAtMs: Date.now() },
      },
      name,
      seq,
    ),
  );

const select = async (query: string): Promise<unknown[]> => {
  const client = createClient({
    url: engine.url,
    username: engine.user,
    password: engine.password,
    clickhouse_settings: {
      output_format_json_quote_decimals: 1,
      output_format_json_quote_64bit_integers: 0,
      date_time_output_format: 'unix_timestamp',
    },
  });
  const answer = await client.query({ query, format: 'JSONCompactEachRow' });
  const rows = await answer.json<unknown>();
  await client.close();
  return rows;
};

const names = callColumns.map((column) => `\`${column}\``).join(', ');
const rowsOf = (name: string): Promise<unknown[]> =>
  select(`SELECT ${names} FROM tollgate.calls WHERE replica = '${name}' ORDER BY seq`);

test('any settlement goes into the table and comes back as it was, all twelve decimals of it', async () => {
  const name = newReplica();
  const settlements = fc.sample(anySettlement, { numRuns: 300, seed: 20_241_122 });
  const rows = settlements.map((settlement, i) => rowOf(name, i + 1, settlement));
  expect(await sink.insert(rows, `${name}/1`)).toEqual({ kind: 'done' });
  const back = await rowsOf(name);
  expect(back).toHaveLength(rows.length);
  for (const [i, row] of rows.entries()) expect(back[i]).toEqual(JSON.parse(row.toString()));
});

test('rows that an earlier version wrote go in by its columns, and answer what it did not ask', async () => {
  const name = newReplica();
  const earlier = earlierColumns.map((column) => callColumns.indexOf(column));
  const rows = [1, 2].map((seq) => {
    const values: unknown = JSON.parse(rowOf(name, seq).toString());
    if (!Array.isArray(values)) throw new Error('a row is an array');
    return Buffer.from(JSON.stringify(earlier.map((at): unknown => values[at])));
  });
  expect(await sink.insert(rows, `${name}/1`)).toEqual({ kind: 'done' });
  const found = await select(
    `SELECT seq, model_answered, attempts.model_answered, wait_ms, unit_costs, attempts.speed, list_cost_usd FROM tollgate.calls WHERE replica = '${name}' ORDER BY seq`,
  );
  const sent = 'gpt-4o-mini';
  expect(found).toEqual([1, 2].map((seq) => [seq, sent, [sent], 0, {}, [''], '0.000345000001']));
});

test('rows that are sent in several pieces arrive as they were, each once', async () => {
  const bodies: string[] = [];
  const server = http.createServer((request, response) => {
    const answer = async (): Promise<void> => {
      bodies.push(await text(request));
      response.end();
    };
    void answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const other = clickhouseSink({ ...engine, url: `http://127.0.0.1:${address.port}` });
  const rows = Array.from({ length: 400 }, (_, i) => `[${i},"${'ü'.repeat(1000 + i)}"]`);
  const token = 'pieces/1';
  expect(
    await other.insert(
      rows.map((row) => Buffer.from(row)),
      token,
    ),
  ).toEqual({
    kind: 'done',
  });
  expect(bodies.map((body) => body.split('\n'))).toEqual([[...rows, '']]);
  await other.close();
  server.close();
});

test('the same token is the same rows: asked twice, there once', async () => {
  const name = newReplica();
  const rows = [1, 2, 3].map((seq) => rowOf(name, seq));
  expect(await sink.insert(rows, `${name}/1`)).toEqual({ kind: 'done' });
  expect(await sink.insert(rows, `${name}/1`)).toEqual({ kind: 'done' });
  // Not by their content: the server goes by the name, so a name may never be used for other rows.
  expect(await sink.insert([rowOf(name, 4)], `${name}/1`)).toEqual({ kind: 'done' });
  expect(await rowsOf(name)).toHaveLength(3);
  expect(await sink.insert([rowOf(name, 4)], `${name}/2`)).toEqual({ kind: 'done' });
  expect(await rowsOf(name)).toHaveLength(4);
});

test('a call is found with the names of its rows, whichever life wrote them', async () => {
  const name = newReplica();
  const rows = [1, 2, 3].map((seq) => rowOf(name, seq));
  await sink.insert(rows.slice(0, 2), `${name}/1`);
  const asked = rows.map((json, i) => ({ callId: idOfRow(json.toString()), seq: i + 1, json }));
  const [one, two, three] = asked.map((row) => row.callId);
  const found = await sink.find(asked);
  const rowsFound = found.kind === 'found' ? [...found.rowsOf] : [];
  expect(new Map(rowsFound)).toEqual(
    new Map([
      [one, [`${name}/1`]],
      [two, [`${name}/2`]],
    ]),
  );
  expect(rowsFound.map(([id]) => id)).not.toContain(three);
});

/** A good row with one column made bad. */
const badRow = (column: (typeof callColumns)[number], value: unknown): string => {
  const values: unknown = JSON.parse(rowJson(someSettlement, 'bad', 1));
  if (!Array.isArray(values)) throw new Error('a row is an array');
  values[callColumns.indexOf(column)] = value;
  return JSON.stringify(values);
};

// oxfmt-ignore
test.each([
  ['a total that is not the sum of its attempts', badRow('cost_usd', '0.000345000002')],
  ['an attempt that is not the sum of its meters', badRow('attempts.cost_output_text', ['0.000180000002'])],
  ['costs of units that are not the other costs', badRow('unit_costs', { pages: '0.1' })],
  ['an amount beyond what a column holds', badRow('cost_usd', '10000000')],
  ['a text where a number belongs', badRow('http_status', 'many')],
  ['no call id', badRow('call_id', 'none')],
  ['no time', badRow('started_at', 'yesterday')],
  ['a word the column does not know', badRow('usage_source', 'guessed')],
  ['attempts of unequal length', badRow('attempts.status', [200, 200])],
  ['a row cut short', '["1732300000.192","0193549c-d1c0-7000-8000-00000000002a"]'],
  ['a row too long', badRow('upstream_ids', []).replace(/\]$/, ',1]')],
  ['half a surrogate pair', badRow('session_id', '\ud800')],
  ['neither true nor false', badRow('stream', 'perhaps')],
  ['no JSON', '["1732300000.192",'],
])('%s is refused, not tried again', async (_name, row) => {
  expect(await sink.insert([Buffer.from(row)], 'bad/1')).toMatchObject({ kind: 'rows_refused' });
});

test.each([
  ['knows us not', () => ({ ...engine, password: 'wrong' }), 'cannot'],
  ['is not there', () => ({ ...engine, url: 'http://127.0.0.1:9' }), 'try_again'],
])('a server that %s says nothing about the rows', async (_what, address, kind) => {
  const other = clickhouseSink(address());
  expect(await other.insert([rowOf(newReplica(), 1)], 'x/1')).toMatchObject({ kind });
  await other.close();
});

test('a server that answers nothing is given up on request', async () => {
  const row = rowOf(newReplica(), 1);
  const giveUp = new AbortController();
  engine.pause();
  const answer = sink.insert([row], 'y/1', giveUp.signal);
  setTimeout(() => giveUp.abort(), 50);
  expect(await answer).toMatchObject({ kind: 'try_again' });
  engine.resume();
});

test('calls that run while ClickHouse stalls, dies and comes back are all there, each once', async () => {
  const dir = tempDir();
  const { ledger, complaints } = await ledgerIn(dir, clickhouseSink(engine), {
    limits: { segmentAgeMs: 20, segmentCloses: 50 },
  });
  const total = 600;
  for (let n = 1; n <= total; n += 1) {
    expect(await ledger.spool.intend(callId(n), intentOf(n))).toBe(true);
    ledger.settle({
      ...someSettlement,
      call: { ...someCall, id: callId(n), startedAtMs: Date.now() },
    });
    if (n === 150) engine.pause();
    if (n === 250) engine.resume();
    if (n === 350) {
      const { dataDir, port } = engine;
      await engine.kill9();
      await until(() => complaints.length > 0);
      engine = await startClickhouse({ dataDir, port });
    }
  }
  expect((await ledger.stop(60_000)).allShipped).toBe(true);
  const counted = await select(
    `SELECT count(), uniqExact(call_id), toString(sum(cost_usd)) FROM tollgate.calls WHERE startsWith(replica, 'test.')`,
  );
  expect(counted).toEqual([[total, total, '0.2070000006']]);
  expect(ledger.shipper.totals).toMatchObject({ shipped: total, dead: 0 });
});
