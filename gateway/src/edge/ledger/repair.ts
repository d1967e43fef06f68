/** Mends what `verify` finds and the rows of the ledger themselves can mend: sums, projections, rows that are there twice. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import type { Finding } from '../../decide/verify.ts';
import { asked } from './stored-rows.ts';
import { rebuildRollup, wrongRollups } from './rollups.ts';
import type { LedgerFinding } from './verification.ts';

/** Merges the months in which a life has rows twice: the table keeps one of each. */
const mergeTwice = async (client: Client, { replica, from, to }: Finding): Promise<void> => {
  const months = await asked<{ month: string }>(
    client,
    `SELECT DISTINCT toString(toYYYYMM(started_at)) AS month FROM tollgate.calls
     WHERE replica = {replica:String} AND seq BETWEEN {from:UInt64} AND {to:UInt64}`,
    { replica, from, to },
  );
  for (const { month } of months)
    await client.command({
      query: `OPTIMIZE TABLE tollgate.calls PARTITION ${month} FINAL`,
      clickhouse_settings: { alter_sync: '2', optimize_throw_if_noop: 1 },
    });
};

/** @param projection as the server calls it */
const materialize = async (client: Client, projection: string): Promise<void> => {
  // A parameter that is a name is understood by the server, and not by every gate before it.
  if (!/^\w+$/.test(projection)) throw new Error(`'${projection}' is no name of a projection`);
  await client.command({
    query: `ALTER TABLE tollgate.calls MATERIALIZE PROJECTION ${projection}`,
    clickhouse_settings: { mutations_sync: '2' },
  });
};

/**
 * Mends what can be mended; the ledger is then to be verified anew. Rows that are missing or altered cannot be: what was written is not known.
 * @returns what something was done about
 * @throws what the client does
 */
export const repairLedger = async (
  client: Client,
  findings: readonly LedgerFinding[],
): Promise<readonly LedgerFinding[]> => {
  const twice = findings.filter((one): one is Finding => one.kind === 'double');
  for (const one of twice) await mergeTwice(client, one);
  const lacking = findings.filter((one) => one.kind === 'projection');
  for (const projection of new Set(lacking.map((one) => one.projection)))
    await materialize(client, projection);
  // Sums are made from the rows, so they are looked at when those are in order.
  const sums = await wrongRollups(client);
  for (const one of sums) await rebuildRollup(client, one);
  return [...twice, ...lacking, ...sums];
};
