/** The ledgers of one process: that of its own calls, and those of spools that nobody else sees to. */
import type { Logger } from 'pino';
import type { Admission } from './budgets/admission.ts';
import type { Environment } from './config/environment.ts';
import { startAdoptions, type Adoptions } from './ledger/adopt.ts';
import { clickhouseSink } from './ledger/clickhouse.ts';
import type { LedgerOptions, LedgerStart } from './ledger/ledger.ts';
import { noObserver } from './ledger/observer.ts';
import { otherSpools, replicaOf, spoolOf } from './ledger/spools.ts';
import type { Live } from './live.ts';
import type { MetricStore } from './telemetry/store.ts';

/** What ledgers are put together with. */
export interface LedgerParts {
  readonly environment: Environment;
  /** How many processes share the disk; null: this one is alone. */
  readonly siblings: { readonly workers: number } | null;
  readonly live: Live;
  readonly store: MetricStore;
  readonly log: Logger;
  readonly admission: Pick<Admission, 'observer' | 'dropped'>;
  startLedger(options: LedgerOptions): Promise<LedgerStart>;
  /** Told what a start that takes long waits for. */
  onWait(message: string): void;
}

/** What the ledger on the spool of a worker is started with. */
export const ledgerOptions = (parts: LedgerParts, worker: number): LedgerOptions => {
  const { environment, siblings, live, store, log, admission } = parts;
  const { config, prices } = live.runtime();
  return {
    dir: spoolOf(environment.dataDir, worker),
    lockWaitMs: environment.takeOverMs,
    onLockWait: (message) => parts.onWait(message),
    replica: replicaOf(environment.replica, worker),
    limits: config.ledger,
    spools: siblings?.workers ?? 1,
    prices,
    sink: clickhouseSink({
      ...environment.clickhouse,
      password: environment.clickhouse.password.reveal(),
    }),
    onCommit: (seconds) => store.observe('ledgerCommit', {}, seconds),
    onShipped: (seconds) => store.observe('ledgerShip', {}, seconds),
    observer: admission.observer,
    onDropped(settlement) {
      store.add('unwritten', { outcome: settlement.outcome }, 1);
      admission.dropped(settlement);
    },
    onError: (message) => log.error({ component: 'ledger' }, message),
  };
};

export const sayRecovered = (log: Logger, calls: number, spool: number | null): void => {
  if (calls > 0)
    log.warn(
      { component: 'ledger', calls, ...(spool === null ? {} : { spool }) },
      'accounted for calls that an earlier run left open',
    );
};

/** Sees to spools that nobody writes to. A gateway that is alone does so from its start; several are told who does. */
export const adopting = (parts: LedgerParts): Adoptions => {
  const { environment, siblings, log } = parts;
  const adoptions = startAdoptions({
    start(worker) {
      const options = ledgerOptions(parts, worker);
      // No call comes to it: it needs no room for more rows.
      const limits = { ...options.limits, reserveBytes: 0 };
      return parts.startLedger({
        ...options,
        limits,
        observer: noObserver,
        lockWaitMs: 0,
        onLockWait: () => {},
      });
    },
    onAdopted(spool, ledger) {
      log.warn(
        { component: 'ledger', spool },
        'the spool of a worker that is not there was adopted',
      );
      sayRecovered(log, ledger.recovered, spool);
    },
    onFailure: (spool, message) =>
      log.error(
        { component: 'ledger', spool },
        `the spool of a worker that is not there cannot be adopted yet: ${message}`,
      ),
  });
  if (siblings === null)
    for (const worker of otherSpools(environment.dataDir, 1)) adoptions.adopt(worker);
  return adoptions;
};
