import type { Ledger } from '../ledger/ledger.ts';
import { fullReasons } from '../ledger/spool.ts';
import type { MetricStore } from './store.ts';

/** Last values handed to counters that the ledger itself keeps. */
const reported = new WeakMap<MetricStore, Map<string, number>>();

type Watched = Pick<
  Ledger,
  'spool' | 'shipper' | 'aside' | 'kept' | 'reconciler' | 'oldestRowAtMs'
>;

/** Brings what the ledger counts itself into the store; called before the store is shown. */
export const gauge = (store: MetricStore, ledger: Watched): void => {
  const { spool, shipper } = ledger;
  const { totals } = spool;
  const sent = shipper.totals;
  const before = reported.get(store) ?? new Map<string, number>();
  reported.set(store, before);
  /** What a counter grew by since it was last shown. */
  const grown = (name: string, value: number): number => {
    const by = value - (before.get(name) ?? 0);
    before.set(name, value);
    return by;
  };
  const rows = {
    spooled: totals.closes,
    shipped: sent.shipped,
    resent: sent.resent,
    recovered: totals.recovered,
    dead: sent.dead,
    damaged: sent.damaged,
    mended: sent.mended,
    dropped: totals.dropped,
  };
  for (const [result, value] of Object.entries(rows))
    store.add('ledgerRows', { result }, grown(result, value));
  store.add('ledgerShipFailures', {}, grown('failures', sent.failures));

  const { missing, double } = ledger.reconciler.difference();
  const errors = {
    calls: totals.intents - totals.closedIntents - spool.openCalls(),
    rows: totals.closes - sent.shipped - totals.spooledRows - sent.dead - sent.damaged,
    missing,
    double,
    dropped: totals.dropped,
  };
  for (const [quantity, value] of Object.entries(errors))
    store.set('conservation', { quantity }, value);

  const full = spool.full();
  for (const reason of fullReasons) store.set('ledgerFull', { reason }, reason === full ? 1 : 0);
  for (const [kind, files] of Object.entries(ledger.aside.lying()))
    store.set('ledgerAside', { kind }, files);
  const checkedAtMs = ledger.reconciler.checkedAtMs();
  store.set('ledgerReconciled', {}, checkedAtMs === null ? 0 : checkedAtMs / 1000);
  // What a segment says of itself waits for nobody.
  const isEmpty = totals.spooledRows === 0 && spool.openCalls() === 0;
  store.set('spoolBytes', {}, isEmpty ? 0 : totals.bytes);
  store.set('keptBytes', {}, ledger.kept.bytes());
  const oldestMs = ledger.oldestRowAtMs();
  store.set('spoolOldest', {}, oldestMs === null ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000));
};
