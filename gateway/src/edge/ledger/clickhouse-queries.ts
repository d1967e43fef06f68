/** What the ledger asks the table: plain text, made of ids and names whose shape was checked. */
import type { Row, Stretch } from './clickhouse.ts';

/** A statement is read up to 256 KiB (`max_query_size`); an id takes 39 bytes. */
export const idsPerQuery = 4_000;

const idText = /^[0-9a-f-]{36}$/;
const nameText = /^[A-Za-z0-9._-]{1,256}$/;

/** When a row's call began, in seconds: the first column of its JSON. */
const startedAt = ({ json }: Row): number =>
  Number(/^\["(\d+(?:\.\d+)?)"/.exec(json.toString('latin1', 0, 32))?.[1]);

/**
 * Which rows these calls have. A call has one row, whichever life of a gateway wrote it, so its id is what is asked
 * for; the time narrows the search, because the table is sorted by it.
 * @throws Error for an id that is no UUID
 */
export const findQuery = (rows: readonly Row[]): string => {
  const odd = rows.find(({ callId }) => !idText.test(callId));
  if (odd !== undefined) throw new Error(`${odd.callId.slice(0, 40)} is no call id`);
  let [first, last] = [Infinity, -Infinity];
  for (const row of rows) {
    const seconds = startedAt(row);
    first = Math.min(first, seconds);
    last = Math.max(last, seconds);
  }
  const when = Number.isFinite(first + last)
    ? `started_at >= fromUnixTimestamp64Milli(toInt64(${Math.floor(first * 1000) - 1})) AND started_at <= fromUnixTimestamp64Milli(toInt64(${Math.ceil(last * 1000) + 1})) AND `
    : '';
  const ids = rows.map(({ callId }) => `'${callId}'`).join(',');
  return `SELECT DISTINCT toString(call_id), replica, toString(seq) FROM tollgate.calls WHERE ${when}entry = 'call' AND call_id IN (${ids})`;
};

/** How many rows a stretch has and the sum of their numbers. */
export const tallyQuery = ({ replica, above, upTo, sinceMs }: Stretch): string => {
  if (!nameText.test(replica)) throw new Error(`${replica.slice(0, 40)} is no name of a replica`);
  return `SELECT count(), sum(seq) FROM tollgate.calls WHERE started_at >= fromUnixTimestamp64Milli(toInt64(${Math.floor(sinceMs)})) AND entry = 'call' AND replica = '${replica}' AND seq > ${above} AND seq <= ${upTo}`;
};
