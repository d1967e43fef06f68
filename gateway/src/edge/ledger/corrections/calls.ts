/** Calls of the ledger, each with what its corrections come to. */
import { columnList } from '@tollgate/clickhouse/column-list.ts';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { callColumns } from '../../../contract/ledger.ts';
import { correctionSums } from '../../../decide/stored-call.ts';
import type { Json, JsonObject } from '../../../model/json.ts';
import type { Days } from '../focus-days.ts';
import { during, streamed, windows } from '../stored-rows.ts';

export interface CorrectedCall {
  /** Its row, columns by name. */
  readonly row: JsonObject;
  /** Columns by name; null: it has none. */
  readonly corrections: JsonObject | null;
}

const daySeconds = 86_400;
const secondsOf = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 1000;

/** Money that was granted is no matter of prices: it stays what it is, whatever the price. */
const grants = "correction_reason != 'credit'";

const sumOf = (column: string): string =>
  column === 'unit_costs'
    ? 'sumMap(unit_costs)'
    : column.startsWith('attempts.')
      ? `sumForEach(\`${column}\`)`
      : `sum(${column})`;
const sums = correctionSums.map(sumOf).join(', ');

const selected = [...callColumns, 'billing_month'] as const;
const idAt = callColumns.indexOf('call_id');

const named = (names: readonly string[], values: readonly Json[]): JsonObject =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));

/**
 * Every call of these days that went to a provider; a row that is there twice until a merge is one row.
 * @throws what the client does
 */
export async function* correctedCalls(client: Client, { from, to }: Days) {
  const days = { from: secondsOf(from), until: secondsOf(to) + daySeconds };
  for (const window of await windows(client, during, days)) {
    const corrections = new Map<Json | undefined, JsonObject>();
    const corrected = streamed<Json>(
      client,
      `SELECT call_id, ${sums} FROM tollgate.calls FINAL
       WHERE entry = 'correction' AND ${grants} AND ${during} GROUP BY call_id`,
      { ...window },
    );
    for await (const rows of corrected)
      for (const [id, ...values] of rows) corrections.set(id, named(correctionSums, values));
    const calls = streamed<Json>(
      client,
      `SELECT ${columnList(selected)} FROM tollgate.calls FINAL
       WHERE entry = 'call' AND notEmpty(attempts.provider) AND ${during}`,
      { ...window },
    );
    for await (const rows of calls)
      for (const values of rows) {
        const call: CorrectedCall = {
          row: named(selected, values),
          corrections: corrections.get(values[idAt]) ?? null,
        };
        yield call;
      }
  }
}
