/** Calls of the ledger, each with what its corrections come to. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { callColumns } from '../../../contract/ledger.ts';
import { correctionSums } from '../../../decide/stored-call.ts';
import type { Json, JsonObject } from '../../../model/json.ts';
import type { Days } from '../focus-days.ts';
import { asWritten, windows, type Window } from '../stored-rows.ts';

export interface CorrectedCall {
  /** Its row, columns by name. */
  readonly row: JsonObject;
  /** Columns by name; null: it has none. */
  readonly corrections: JsonObject | null;
}

const daySeconds = 86_400;
const secondsOf = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 1000;

const during = `started_at >= toDateTime({from:UInt32}, 'UTC') AND started_at < toDateTime({until:UInt32}, 'UTC')`;

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
const columnList = selected.map((column) => `\`${column}\``).join(', ');
const idAt = callColumns.indexOf('call_id');

const named = (names: readonly string[], values: readonly Json[]): JsonObject =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));

/** FINAL: a row that is there twice until a merge is one row. */
async function* rowsOf(client: Client, query: string, window: Window) {
  const answer = await client.query({
    query,
    query_params: { ...window },
    format: 'JSONCompactEachRow',
    clickhouse_settings: asWritten,
  });
  for await (const rows of answer.stream<readonly Json[]>())
    for (const row of rows) {
      const values: readonly Json[] = row.json();
      yield values;
    }
}

/**
 * Every call of these days that went to a provider.
 * @throws what the client does
 */
export async function* correctedCalls(client: Client, { from, to }: Days) {
  const days = { since: secondsOf(from), until: secondsOf(to) + daySeconds };
  for (const window of await windows(client, days)) {
    const corrections = new Map<Json | undefined, JsonObject>();
    const corrected = rowsOf(
      client,
      `SELECT call_id, ${sums} FROM tollgate.calls FINAL
       WHERE entry = 'correction' AND ${grants} AND ${during} GROUP BY call_id`,
      window,
    );
    for await (const [id, ...values] of corrected)
      corrections.set(id, named(correctionSums, values));
    const rows = rowsOf(
      client,
      `SELECT ${columnList} FROM tollgate.calls FINAL
       WHERE entry = 'call' AND notEmpty(attempts.provider) AND ${during}`,
      window,
    );
    for await (const values of rows) {
      const call: CorrectedCall = {
        row: named(selected, values),
        corrections: corrections.get(values[idAt]) ?? null,
      };
      yield call;
    }
  }
}
