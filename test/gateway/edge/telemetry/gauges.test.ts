import { expect, test } from 'vitest';
import { gauge } from '../../../../gateway/src/edge/telemetry/gauges.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import { someCall, someSettlement } from '../../model/settlements.ts';
import { callId, intentOf, ledgerIn, scriptedSink, tempDir, until } from '../ledger/support.ts';

test('the books balance at every moment: in flight, held, shipped and dead', async () => {
  let away = true;
  const script = scriptedSink((insert) =>
    away ? 'try_again' : insert.rows.some((row) => row.includes('"bad"')) ? 'rows_refused' : 'done',
  );
  const { ledger } = await ledgerIn(tempDir(), script.sink, {
    limits: { segmentCloses: 3, segmentAgeMs: 10 },
  });
  const store = metricStore(10);
  const shown = () => {
    gauge(store, ledger);
    const of = (metric: 'conservation' | 'ledgerRows', label: string) =>
      Object.fromEntries([...store.values(metric)].map((s) => [s.labels[label], s.value]));
    return { errors: of('conservation', 'quantity'), rows: of('ledgerRows', 'result') };
  };
  const balanced = { calls: 0, rows: 0, missing: 0, double: 0, dropped: 0 };
  expect(shown().errors).toEqual(balanced);
  for (let n = 1; n <= 7; n += 1) {
    const asked = ledger.spool.intend(callId(n), intentOf(n));
    expect(shown().errors).toEqual(balanced);
    await asked;
    expect(shown().errors).toEqual(balanced);
    if (n === 7) continue;
    const identity = { ...someCall.identity, agent: n === 2 ? 'bad' : '' };
    ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n), identity } });
    expect(shown().errors).toEqual(balanced);
  }
  expect(shown().rows).toMatchObject({ spooled: 6, shipped: 0, dead: 0 });
  expect([...store.values('spoolBytes')][0]?.value).toBeGreaterThan(0);
  await until(() => ledger.shipper.oldestRowAtMs() !== null);
  shown();
  expect([...store.values('spoolOldest')][0]?.value).toBeGreaterThanOrEqual(0);
  away = false;
  await until(() => ledger.shipper.totals.shipped + ledger.shipper.totals.dead === 6);
  const end = shown();
  expect(end.errors).toEqual(balanced);
  expect(end.rows).toMatchObject({ spooled: 6, shipped: 5, dead: 1, recovered: 0 });
  await ledger.stop(10_000);
});

test('adopted spools are shown with the own one: rows and bytes add up, and no error hides behind another', async () => {
  const sinks = [scriptedSink(() => 'try_again'), scriptedSink(() => 'try_again')] as const;
  const own = await ledgerIn(tempDir(), sinks[0].sink);
  const other = await ledgerIn(tempDir(), sinks[1].sink);
  for (const { ledger } of [own, other]) {
    await ledger.spool.intend(callId(1), intentOf(1));
    ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(1) } });
  }
  const store = metricStore(10);
  const spooled = () =>
    [...store.values('ledgerRows')].find(({ labels }) => labels['result'] === 'spooled')?.value;
  gauge(store, own.ledger, [other.ledger]);
  const both = [...store.values('spoolBytes')][0]?.value ?? 0;
  expect(both).toBe(own.ledger.spool.totals.bytes + other.ledger.spool.totals.bytes);
  expect(spooled()).toBe(2);
  // One row too many here and one too few there is two errors and no balance.
  own.ledger.spool.totals.closes += 2;
  other.ledger.spool.totals.closes -= 2;
  gauge(store, own.ledger, [other.ledger]);
  expect(
    [...store.values('conservation')].find(({ labels }) => labels['quantity'] === 'rows')?.value,
  ).toBe(2);
  own.ledger.spool.totals.closes -= 2;
  other.ledger.spool.totals.closes += 2;
  gauge(store, own.ledger, [other.ledger]);
  // What is let go of again takes nothing back from what it has counted.
  gauge(store, own.ledger);
  expect(spooled()).toBe(2);
  await Promise.all([own.ledger.stop(0), other.ledger.stop(0)]);
});
