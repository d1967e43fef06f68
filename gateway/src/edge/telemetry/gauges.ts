import type { Ledger } from '../ledger/ledger.ts';
import { fullReasons } from '../ledger/reserve.ts';
import type { MetricStore } from './store.ts';

/** Last values handed to counters that a ledger itself keeps. */
const reported = new WeakMap<Watched, Map<string, number>>();

type Watched = Pick<
  Ledger,
  'spool' | 'shipper' | 'aside' | 'kept' | 'reconciler' | 'oldestRowAtMs'
>;

/** Counters of a ledger go up by what it has counted since it was last shown. */
const addCounters = (store: MetricStore, ledger: Watched): void => {
  const { totals } = ledger.spool;
  const sent = ledger.shipper.totals;
  const before = reported.get(ledger) ?? new Map<string, number>();
  reported.set(ledger, before);
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
};

/** What must be 0, each by itself: what one ledger has too much must not make up for what another lacks. */
const errorsOf = ({ spool, shipper, reconciler }: Watched) => {
  const { totals } = spool;
  const sent = shipper.totals;
  const { missing, double } = reconciler.difference();
  return {
    calls: totals.intents - totals.closedIntents - spool.openCalls(),
    rows: totals.closes - sent.shipped - totals.spooledRows - sent.dead - sent.damaged,
    missing,
    double,
    dropped: totals.dropped,
  };
};

const furthest = (values: readonly number[]): number =>
  values.reduce((found, value) => (Math.abs(value) > Math.abs(found) ? value : found), 0);

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

/** What a segment says of itself waits for nobody. */
const spooledBytes = ({ spool }: Watched): number =>
  spool.totals.spooledRows === 0 && spool.openCalls() === 0 ? 0 : spool.totals.bytes;

/**
 * Brings what ledgers count themselves into the store; called before the store is shown.
 * @param ledger that of the calls served here
 * @param adopted those of spools that nobody else sees to
 */
export const gauge = (
  store: MetricStore,
  ledger: Watched,
  adopted: readonly Watched[] = [],
): void => {
  const all = [ledger, ...adopted];
  for (const one of all) addCounters(store, one);
  const errors = all.map(errorsOf);
  for (const quantity of ['calls', 'rows', 'missing', 'double', 'dropped'] as const) {
    const values = errors.map((one) => one[quantity]);
    store.set('conservation', { quantity }, furthest(values));
  }
  const full = ledger.spool.full();
  for (const reason of fullReasons) store.set('ledgerFull', { reason }, reason === full ? 1 : 0);
  const lying = all.map(({ aside }) => aside.lying());
  store.set('ledgerAside', { kind: 'dead' }, sum(lying.map(({ dead }) => dead)));
  store.set('ledgerAside', { kind: 'damaged' }, sum(lying.map(({ damaged }) => damaged)));
  // The one that was compared longest ago says how far the comparison may be trusted.
  const checkedAtMs = Math.min(...all.map(({ reconciler }) => reconciler.checkedAtMs() ?? 0));
  store.set('ledgerReconciled', {}, checkedAtMs / 1000);
  store.set('spoolBytes', {}, sum(all.map(spooledBytes)));
  store.set('keptBytes', {}, sum(all.map(({ kept }) => kept.bytes())));
  const oldestMs = Math.min(...all.map((one) => one.oldestRowAtMs() ?? Infinity));
  const oldestSeconds = Math.max(0, (Date.now() - oldestMs) / 1000);
  store.set('spoolOldest', {}, Number.isFinite(oldestMs) ? oldestSeconds : 0);
};
