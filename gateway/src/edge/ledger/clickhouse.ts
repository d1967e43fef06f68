import { hash } from 'node:crypto';
import { columnList } from '@tollgate/clickhouse/column-list.ts';
import { clickhouseClient, type ClickhouseAddress } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce, type Inserted } from '@tollgate/clickhouse/edge/insert-once.ts';
import { callColumns, columnsOf, lastingColumns, type CallColumn } from '../../contract/ledger.ts';
import { rowHash } from '../../decide/chain.ts';
import { findQuery, idsPerQuery, tallyQuery } from './clickhouse-queries.ts';
import type { Tally } from '../../decide/tally.ts';

/** A ledger row on its way: a JSON array in UTF-8, in the order of `callColumns`, or of what an earlier version had. */
export interface Row {
  readonly callId: string;
  /** Its number in its life of a gateway. */
  readonly seq: number;
  readonly json: Buffer;
}

export type Found =
  /** By call id, the rows that the call has (`rowName`). */
  | { readonly kind: 'found'; readonly rowsOf: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: 'unavailable'; readonly message: string };

/** A row, whichever call it is of: the life of a gateway that wrote it, and its number there. */
export const rowName = (replica: string, seq: number | string): string => `${replica}/${seq}`;

/** Rows of one life of a gateway: `seq` above `above`, up to `upTo`. */
export interface Stretch {
  readonly replica: string;
  readonly above: number;
  readonly upTo: number;
  /** None of these calls began earlier; epoch milliseconds. */
  readonly sinceMs: number;
}

export type Tallied =
  | ({ readonly kind: 'tallied' } & Tally)
  | { readonly kind: 'unavailable'; readonly message: string };

/** The table `tollgate.calls`, as the ledger uses it. */
export interface Sink {
  /**
   * Puts rows (`Row.json`) of one version in, once per token. They are gone through more than once.
   * @param signal gives up; whether the rows went in is then not known
   */
  insert(rows: Iterable<Buffer>, token: string, signal?: AbortSignal): Promise<Inserted>;
  /** Which rows these calls have. */
  find(rows: readonly Row[], signal?: AbortSignal): Promise<Found>;
  /** Says which rows were not sent, because their call has another one: whoever verifies the ledger misses them. */
  spare(rows: readonly Row[], replica: string, signal?: AbortSignal): Promise<Inserted>;
  /** How many rows a stretch has, and the sum of their `seq`. */
  tally(stretch: Stretch, signal?: AbortSignal): Promise<Tallied>;
  close(): Promise<void>;
}

const insertQueries = new Map<readonly CallColumn[], string>();

/** How many values a row has; 0: it is no row. */
const valuesIn = (row: Buffer): number => {
  try {
    const values: unknown = JSON.parse(row.toString());
    return Array.isArray(values) ? values.length : 0;
  } catch {
    return 0;
  }
};

/** The insert that takes rows like this one; one that no version wrote is left to the table to refuse. */
const insertQueryFor = (row: Buffer | undefined): string => {
  const columns = columnsOf(row === undefined ? 0 : valuesIn(row)) ?? callColumns;
  let query = insertQueries.get(columns);
  if (query === undefined) {
    query = `INSERT INTO tollgate.calls (${columnList(columns)}) FORMAT JSONCompactEachRow`;
    insertQueries.set(columns, query);
  }
  return query;
};

/** The format's rows have no names: what there is to read is how the values are written. */
const settings = {
  input_format_skip_unknown_fields: 0,
  date_time_input_format: 'best_effort',
  // Rows of a segment differ: looking for those that are there twice, as the engine would on insert, is work for nothing.
  optimize_on_insert: 0,
} as const;

const spareQuery =
  'INSERT INTO tollgate.spared_rows (replica, seq, call_id, sha256) FORMAT JSONCompactEachRow';

/** What its segment's hash has of a row; hex. Empty for what is no row. */
const hashOf = ({ json }: Row): string => {
  try {
    const values: unknown = JSON.parse(json.toString());
    if (!Array.isArray(values)) return '';
    const lasting = JSON.stringify(values.slice(0, lastingColumns.length));
    return Buffer.from(rowHash(lasting), 'latin1').toString('hex');
  } catch {
    return '';
  }
};

/** For an answer to an insert or a question. */
const answerTimeoutMs = 60_000;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.slice(0, 500) : String(error);

/** A client for the ledger's inserts. Connects on first use. */
export const clickhouseSink = (address: ClickhouseAddress): Sink => {
  const client = clickhouseClient({ ...address, timeoutMs: answerTimeoutMs });
  /** The rows of an answer, each as its fields. */
  const ask = async (query: string, signal?: AbortSignal): Promise<readonly string[][]> => {
    const answer = await client.query({
      query,
      format: 'TabSeparated',
      ...(signal === undefined ? {} : { abort_signal: signal }),
    });
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => line.split('\t'));
  };
  return {
    insert(rows, token, signal) {
      const [first] = rows;
      return insertOnce(client, { query: insertQueryFor(first), rows, token, settings, signal });
    },
    async find(rows, signal) {
      const rowsOf = new Map<string, string[]>();
      try {
        for (let from = 0; from < rows.length; from += idsPerQuery)
          for (const [id = '', replica = '', seq = ''] of await ask(
            findQuery(rows.slice(from, from + idsPerQuery)),
            signal,
          ))
            rowsOf.set(id, [...(rowsOf.get(id) ?? []), rowName(replica, seq)]);
        return { kind: 'found', rowsOf };
      } catch (error) {
        return { kind: 'unavailable', message: messageOf(error) };
      }
    },
    spare(rows, replica, signal) {
      const lines = rows.map((row) =>
        Buffer.from(JSON.stringify([replica, row.seq, row.callId, hashOf(row)])),
      );
      const numbers = rows.map(({ seq }) => seq).join(',');
      const token = `spared_rows/${replica}/${hash('sha256', numbers)}`;
      return insertOnce(client, { query: spareQuery, rows: lines, token, signal });
    },
    async tally(stretch, signal) {
      try {
        const [[rows = '', seqSum = ''] = []] = await ask(tallyQuery(stretch), signal);
        if (rows === '' || seqSum === '') throw new Error('the answer has no numbers');
        return { kind: 'tallied', rows: Number(rows), seqSum: BigInt(seqSum) };
      } catch (error) {
        return { kind: 'unavailable', message: messageOf(error) };
      }
    },
    close: () => client.close(),
  };
};
