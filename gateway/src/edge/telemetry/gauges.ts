import type { Ledger } from '../ledger/ledger.ts';
import type { MetricStore } from './store.ts';

/** Last values handed to counters that the ledger itself keeps. */
const reported = new WeakMap<MetricStore, Map<string, number>>();

/** Brings what the ledger counts itself into the store; called before the store is shown. */
export const gauge = (
  store: MetricStore,
  { spool, shipper }: Pick<Ledger, 'spool' | 'shipper'>,
): void => {
  const { totals } = spool;
  const before = reported.get(store) ?? new Map<string, number>();
  reported.set(store, before);
  const rows = {
    spooled: totals.closes,
    shipped: shipper.totals.shipped,
    resent: shipper.totals.resent,
    recovered: totals.recovered,
    dead: shipper.totals.dead + totals.dropped,
  };
  for (const [result, value] of Object.entries(rows)) {
    store.add('ledgerRows', { result }, value - (before.get(result) ?? 0));
    before.set(result, value);
  }
  const openCalls = totals.intents - totals.closedIntents - spool.openCalls();
  const openRows =
    totals.closes - shipper.totals.shipped - totals.spooledRows - shipper.totals.dead;
  store.set('conservation', { quantity: 'calls' }, openCalls);
  store.set('conservation', { quantity: 'rows' }, openRows);
  store.set('spoolBytes', {}, totals.bytes);
  const oldestMs = shipper.oldestSealedMs();
  store.set('spoolOldest', {}, oldestMs === null ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000));
};
