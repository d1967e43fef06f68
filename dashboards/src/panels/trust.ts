/** May one believe the numbers? */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { firingAlerts, furthest, highest } from '../promql.ts';
import { chosenCalls, sql } from '../sql.ts';
import { stat, units } from '../style.ts';

export const alertsNow = stat({
  title: 'Alerts firing',
  description: 'Tollgate’s own alerts. Each has its entry in docs/runbooks.md.',
  unit: units.count,
  query: firingAlerts,
  badAt: 1,
});

export const conservation = stat({
  title: 'Calls or rows not accounted for',
  description:
    'Must be 0: every call that began is open or closed, every closed one is shipped, spooled or set aside, and ClickHouse holds each shipped row once. TollgateLedgerConservation fires on anything else.',
  unit: units.count,
  query: furthest(metrics.conservation),
  badAt: 1,
});

export const spoolAge = stat({
  title: 'Oldest row not yet in ClickHouse',
  description:
    'How far the ledger tables may lag behind. Nothing is lost while it grows: rows wait on disk.',
  unit: units.seconds,
  query: highest(metrics.spoolOldest),
  warnAt: 60,
  badAt: 300,
});

/** From the ledger, because a counter that is born at 1 hides its first call from `increase()`. */
export const unpriced = stat({
  title: 'Calls without a price',
  description:
    'Calls in the chosen time whose cost is too low because a token class has no price. TollgateUnpriced fires on the first.',
  unit: units.count,
  query: sql(
    'table',
    `SELECT countIf(price_status IN ('unpriced', 'partly_unpriced')) AS n FROM tollgate.calls
     WHERE $__timeFilter(started_at) AND ${chosenCalls} AND entry = 'call'`,
  ),
  warnAt: 1,
});
