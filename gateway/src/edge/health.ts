/** What `/health/ready` says of the ledger. */
import type { JsonObject } from '../model/json.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { FullReason } from './ledger/spool.ts';

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
  const reason = spool.full();
  return reason === null ? null : `ledger_full: ${fullWords[reason]}`;
};

/** The state of the ledger in numbers: what is still here, and what is wrong. */
export const ledgerHealth = (ledger: Ledger): JsonObject => {
  const { spool, shipper, aside, reconciler } = ledger;
  const oldestMs = ledger.oldestRowAtMs();
  const checkedMs = reconciler.checkedAtMs();
  const { missing, double } = reconciler.difference();
  return {
    full: spool.full(),
    unshipped_rows: spool.totals.spooledRows,
    oldest_row_seconds:
      oldestMs === null ? 0 : Math.max(0, Math.round((Date.now() - oldestMs) / 1000)),
    reconciled_seconds_ago: checkedMs === null ? null : Math.round((Date.now() - checkedMs) / 1000),
    ship_failures: shipper.totals.failures,
    rows_missing: missing,
    rows_double: double,
    rows_damaged: shipper.totals.damaged,
    rows_dropped: spool.totals.dropped,
    files_set_aside: aside.lying().dead + aside.lying().damaged,
  };
};
