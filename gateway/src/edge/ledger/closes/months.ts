/** Months that are closed, in `tollgate.month_closes`. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { firstDayOf } from '../../../decide/month-close.ts';
import { asked } from '../stored-rows.ts';

export interface StoredClose {
  /** `2026-10`. */
  readonly month: string;
  /** `closing` counts as closed: what is booked while a month is being summed up goes to the next one. */
  readonly state: 'closing' | 'closed';
  readonly rows: number;
  readonly costUsd: string;
  readonly discountUsd: string;
  /** Of the signed file; empty while it is being closed. */
  readonly sha256: string;
}

/** Those that are closed or being closed, ascending. @throws Error with ClickHouse's words */
export const storedCloses = (client: Client): Promise<readonly StoredClose[]> =>
  asked<StoredClose>(
    client,
    `SELECT formatDateTime(month, '%Y-%m') AS month, state, rows, cost_usd AS costUsd, discount_usd AS discountUsd, sha256
     FROM tollgate.month_closes FINAL WHERE state != 'open' ORDER BY month`,
  );

/** The last month that is closed, or being closed; empty: none is. */
export const closedTo = async (client: Client): Promise<string> =>
  (await storedCloses(client)).at(-1)?.month ?? '';

/** @param token tells this entry from every other one @throws Error with ClickHouse's words */
export const recordClose = async (
  client: Client,
  close: Omit<StoredClose, 'state'> & { readonly state: StoredClose['state'] | 'open' },
  token: string,
): Promise<void> => {
  const { month, state, rows, costUsd, discountUsd, sha256 } = close;
  const inserted = await insertOnce(client, {
    query:
      'INSERT INTO tollgate.month_closes (month, state, rows, cost_usd, discount_usd, sha256) FORMAT JSONCompactEachRow',
    rows: [
      Buffer.from(JSON.stringify([firstDayOf(month), state, rows, costUsd, discountUsd, sha256])),
    ],
    token: `month_closes/${month}/${state}/${token}`,
  });
  if (inserted.kind !== 'done') throw new Error(inserted.message);
};
