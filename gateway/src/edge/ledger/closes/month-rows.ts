/** The rows of a month, hour by hour, as they were hashed when they were written. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { firstDayOf } from '../../../decide/month-close.ts';
import { during, lastingOf, lastingSelection, streamed, windows } from '../stored-rows.ts';

export interface MonthRow {
  /** As JSON, as `rowHash` takes it. */
  readonly lasting: string;
  /** The same, parsed. */
  readonly values: readonly unknown[];
}

/** Booked in it, that is: corrections among them may be of calls of earlier months. */
const ofMonth = 'billing_month = {month:Date}';

/**
 * Every row that is booked in a month, `2026-10`; one that is there twice until a merge is one row.
 * @throws what the client does
 */
export async function* monthRows(client: Client, month: string) {
  const booked = { month: firstDayOf(month) };
  for (const window of await windows(client, ofMonth, booked)) {
    const query = `SELECT ${lastingSelection} FROM tollgate.calls FINAL WHERE ${ofMonth} AND ${during}`;
    for await (const rows of streamed(client, query, { ...booked, ...window }))
      for (const values of rows) {
        const one: MonthRow = { lasting: lastingOf(values), values };
        yield one;
      }
  }
}
