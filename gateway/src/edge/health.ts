/** What `/health/ready` says of the ledger. */
import { ledgersTogether, type LedgerHealth } from '../decide/readiness.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { FullReason } from './ledger/reserve.ts';

const fullWords: Readonly<Record<FullReason, string>> = {
  max_spool: 'the spool is as large as ledger.maxSpool allows',
  disk: 'the disk of the ledger refuses writes',
  reserve: 'the disk of the ledger has no room left for the rows of calls in flight',
};

/**
 * Why calls should go elsewhere; null: they need not. Only what makes this gateway refuse calls: rows that do not reach
 * ClickHouse are safe on disk, and taking every replica out of service at once would help nobody.
 */
export const ledgerNotReady = ({ spool }: Pick<Ledger, 'spool'>): string | null => {
  const reason = spool.refuses();
  return reason === null ? null : `ledger_full: ${fullWords[reason]}`;
};

const ledgerHealth = (ledger: Ledger): LedgerHealth => {
  const { spool, shipper, aside, reconciler } = ledger;
  const oldestMs = ledger.oldestRowAtMs();
  const checkedMs = reconciler.checkedAtMs();
  const { missing, double } = reconciler.difference();
  return {
    full: spool.full(),
    unshippedRows: spool.totals.spooledRows,
    oldestRowSeconds:
      oldestMs === null ? 0 : Math.max(0, Math.round((Date.now() - oldestMs) / 1000)),
    reconciledSecondsAgo: checkedMs === null ? null : Math.round((Date.now() - checkedMs) / 1000),
    shipFailures: shipper.totals.failures,
    rowsMissing: missing,
    rowsDouble: double,
    rowsDamaged: shipper.totals.damaged,
    rowsDropped: spool.totals.dropped,
    filesSetAside: aside.lying().dead + aside.lying().damaged,
  };
};

/** The state of the ledgers of a process in numbers: what is still here, and what is wrong. */
export const ledgersHealth = (ledgers: readonly Ledger[]): LedgerHealth =>
  ledgersTogether(ledgers.map(ledgerHealth));
