/** The ledger as a file in the columns of FOCUS: the view `tollgate.focus`, streamed, and whether it comes to what the ledger has. */
import { pipeline } from 'node:stream/promises';
import { Transform, type Writable } from 'node:stream';
import {
  withClient,
  type Client,
  type ClickhouseAddress,
} from '@tollgate/clickhouse/edge/client.ts';
import { amountOf, usdText } from '../../model/money.ts';
import type { Days, ExportFormat } from './focus-days.ts';

export interface FocusExport extends ClickhouseAddress {
  readonly days: Days;
  readonly format: ExportFormat;
  /** Ended when all is written, but for standard output. */
  readonly to: Writable;
  readonly onBytes: (more: number) => void;
}

/** Dollars as the ledger writes them, to the last digit. */
export interface FocusTotals {
  readonly lines: number;
  readonly focusUsd: string;
  readonly ledgerUsd: string;
}

/** Of one portion. A month of ten million calls takes a small machine a minute. */
const answerTimeoutMs = 3_600_000;

const formats = { csv: 'CSVWithNames', parquet: 'Parquet' } as const satisfies Record<
  ExportFormat,
  string
>;

const dayMs = 86_400_000;

/** Each of these days by itself. */
const eachDay = ({ from, to }: Days): readonly Days[] => {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / dayMs) + 1;
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(Date.parse(from) + i * dayMs).toISOString().slice(0, 10);
    return { from: day, to: day };
  });
};

/** @throws Error for what is no amount */
const dollarsOf = (usd: string): bigint => amountOf(usd, 'ClickHouse says');

const inDays =
  "ChargePeriodStart >= toDateTime({from:Date}, 'UTC') AND ChargePeriodStart <= toDateTime({to:Date}, 'UTC')";

/** Lines of the view. */
interface Selection {
  readonly days: readonly Days[];
  /** First day of the month that they are booked in; null: whichever. */
  readonly month: string | null;
}

const condition = ({ month }: Selection): string =>
  month === null ? inDays : `${inDays} AND BillingPeriodStart = toDateTime({month:Date}, 'UTC')`;
const parameters = (days: Days, { month }: Selection): Record<string, unknown> =>
  month === null ? { ...days } : { ...days, month };

/** What is asked for at once. A reader's query has a limit of memory, and lines of CSV can be put behind one another; a Parquet file is one answer. */
const portions = (days: Days, format: ExportFormat): readonly Days[] =>
  format === 'csv' ? eachDay(days) : [days];

const counter = (onBytes: (more: number) => void): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onBytes(chunk.length);
      done(null, chunk);
    },
  });

/** The answer's first line of fields, each as it is written. */
const fieldsOf = async (
  client: Client,
  query: string,
  query_params: Record<string, unknown>,
): Promise<readonly string[]> => {
  const answer = await client.query({ query, query_params, format: 'TabSeparated' });
  return (await answer.text()).trim().split('\t');
};

/** Lines and dollars; day by day, for the same reason. */
const focusTotals = async (client: Client, selection: Selection) => {
  let [lines, cost] = [0, 0n];
  for (const day of selection.days.flatMap(eachDay)) {
    const [count = '0', usd = '0'] = await fieldsOf(
      client,
      `SELECT count(), sum(BilledCost) FROM tollgate.focus WHERE ${condition(selection)}`,
      parameters(day, selection),
    );
    lines += Number(count);
    cost += dollarsOf(usd);
  }
  return { lines, focusUsd: usdText(cost) };
};

const writeLines = async (
  client: Client,
  selection: Selection,
  { format, to, onBytes }: Pick<FocusExport, 'format' | 'to' | 'onBytes'>,
): Promise<void> => {
  const counted = counter(onBytes);
  const written = pipeline(counted, to, { end: to !== process.stdout });
  const lines = async function* () {
    for (const [i, portion] of selection.days.entries()) {
      const { stream } = await client.exec({
        query: `SELECT * FROM tollgate.focus WHERE ${condition(selection)} FORMAT ${i === 0 ? formats[format] : 'CSV'}`,
        query_params: parameters(portion, selection),
        // An error half-way would be text in the middle of the file; so it is a status instead.
        clickhouse_settings: { wait_end_of_query: 1 },
      });
      yield* stream;
    }
  };
  await Promise.all([pipeline(lines, counted), written]);
};

/**
 * Writes the lines of these days.
 * @throws Error with ClickHouse's words, or the file system's; what is written until then is no whole file
 */
export const exportFocus = async (options: FocusExport): Promise<FocusTotals> => {
  const { url, user, password, days, format } = options;
  return withClient({ url, user, password, timeoutMs: answerTimeoutMs }, async (client) => {
    const selection: Selection = { days: portions(days, format), month: null };
    await writeLines(client, selection, options);
    const totals = await focusTotals(client, selection);
    const [ledger = '0'] = await fieldsOf(
      client,
      'SELECT sum(cost_usd) FROM tollgate.calls WHERE day >= {from:Date} AND day <= {to:Date}',
      { ...days },
    );
    return { ...totals, ledgerUsd: usdText(dollarsOf(ledger)) };
  });
};

/**
 * Writes the lines of a billing month as CSV: those of its days, and corrections of earlier months that are booked in it.
 * @param month its first day, `2026-10-01` @throws as `exportFocus` does
 */
export const exportFocusMonth = async (
  client: Client,
  { month, to }: { readonly month: string; readonly to: Writable },
): Promise<Omit<FocusTotals, 'ledgerUsd'>> => {
  const answer = await client.query({
    query:
      'SELECT DISTINCT toString(toDate(started_at)) FROM tollgate.calls WHERE billing_month = {month:Date} ORDER BY 1',
    query_params: { month },
    format: 'TabSeparated',
  });
  const days = (await answer.text()).split('\n').filter((day) => day !== '');
  // Of no day the heading alone: a file of FOCUS is a table, also an empty one.
  const asked = days.length === 0 ? [month] : days;
  const selection: Selection = { days: asked.map((day) => ({ from: day, to: day })), month };
  await writeLines(client, selection, { format: 'csv', to, onBytes: () => {} });
  return focusTotals(client, selection);
};
