/** The rows of a month, hour by hour, as they were hashed when they were written. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { firstDayOf } from '../../../decide/month-close.ts';
import { asWritten, lastingOf, lastingSelection, windowsOfMonth } from '../stored-rows.ts';

export interface MonthRow {
  /** As JSON, as `rowHash` takes it. */
  readonly lasting: string;
  /** The same, parsed. */
  readonly values: readonly unknown[];
}

/**
 * Every row that is booked in a month, `2026-10`; one that is there twice until a merge is one row.
 * @throws what the client does
 */
export async function* monthRows(client: Client, month: string) {
  for (const window of await windowsOfMonth(client, firstDayOf(month))) {
    const answer = await client.query({
      query: `SELECT ${lastingSelection} FROM tollgate.calls FINAL
        WHERE billing_month = {month:Date} AND started_at >= toDateTime({from:UInt32}, 'UTC') AND started_at < toDateTime({until:UInt32}, 'UTC')`,
      query_params: { ...window, month: firstDayOf(month) },
      format: 'JSONCompactEachRow',
      clickhouse_settings: asWritten,
    });
    for await (const rows of answer.stream<readonly unknown[]>())
      for (const row of rows) {
        const values: readonly unknown[] = row.json();
        const one: MonthRow = { lasting: lastingOf(values), values };
        yield one;
      }
  }
}
