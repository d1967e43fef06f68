/**
 * Tables of sums that views fill with each insert into `tollgate.calls`, held against the rows, and made anew from them. What a sum
 * is made of is asked of the view itself, so that there is one text of it.
 */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { asked } from './stored-rows.ts';

interface Rollup {
  readonly table: 'usage_1d' | 'runs' | 'tags_1d';
  /** What is compared, and made anew, as a whole. */
  readonly piece: readonly string[];
  /** Of so many days the rows still say all that the sums are made of: afterwards partitions go, or the ids of traces. */
  readonly days: number;
}

const rollups: readonly Rollup[] = [
  { table: 'usage_1d', piece: ['day'], days: 730 },
  { table: 'runs', piece: ['day'], days: 34 },
  { table: 'tags_1d', piece: ['tag', 'day'], days: 730 },
];

/** Sums of one day, and of one tag where they are by tag, that are not those of the rows. */
export interface WrongRollup {
  readonly kind: 'rollup';
  readonly table: Rollup['table'];
  readonly day: string;
  /** Null: the sums are not by tag. */
  readonly tag: string | null;
}

interface Made {
  readonly columns: readonly { readonly name: string; readonly aggregate: string }[];
  /** The query of its view. */
  readonly select: string;
}

/** How a table is made. @throws Error when it or its view is not there, and what the client does */
const madeOf = async (client: Client, { table }: Rollup): Promise<Made> => {
  const columns = await asked<{ name: string; aggregate: string }>(
    client,
    `SELECT name, extract(type, '^SimpleAggregateFunction\\\\((\\\\w+)') AS aggregate FROM system.columns
     WHERE database = 'tollgate' AND table = {table:String} ORDER BY position`,
    { table },
  );
  const [view] = await asked<{ select: string }>(
    client,
    "SELECT as_select AS select FROM system.tables WHERE database = 'tollgate' AND name = {view:String}",
    { view: `${table}_mv` },
  );
  if (columns.length === 0 || view === undefined || view.select === '')
    throw new Error(`tollgate.${table} or its view is not there: run the migrations`);
  return { columns, select: view.select };
};

/** Days of one question; the last one is not part of it. */
interface Stretch {
  readonly from: string;
  readonly until: string;
}

/** Calls of one question, about: what is grouped in it, lines of `runs` above all, has to fit into a reader's memory. */
const callsPerQuery = 500_000;

/**
 * The days before today of which the rows still say all, in stretches of not too many calls. Days without calls are in them too: sums
 * may be there whose rows are not.
 */
const stretchesOf = async (client: Client, { days }: Rollup): Promise<readonly Stretch[]> => {
  const [span] = await asked<{ from: string; until: string }>(
    client,
    `SELECT today() - ${days} AS from, today() AS until`,
  );
  if (span === undefined) return [];
  const ends = await asked<{ day: string; calls: number }>(
    client,
    `SELECT toDate(started_at) + 1 AS day, count() AS calls FROM tollgate.calls
     WHERE started_at >= {from:Date} AND started_at < {until:Date} GROUP BY day ORDER BY day`,
    { ...span },
  );
  const stretches: Stretch[] = [];
  let { from } = span;
  let calls = 0;
  for (const end of ends) {
    calls += end.calls;
    if (calls < callsPerQuery || end.day >= span.until) continue;
    stretches.push({ from, until: end.day });
    from = end.day;
    calls = 0;
  }
  return [...stretches, { from, until: span.until }];
};

/** Of each piece a hash of all its lines, whatever their order. */
const hashes = ({ piece }: Rollup, { columns }: Made, source: string): string => {
  const keys = columns.filter(({ aggregate }) => aggregate === '').map(({ name }) => name);
  const values = columns.map(({ name, aggregate }) =>
    aggregate === '' ? `toString(${name})` : `toString(${aggregate}(${name}))`,
  );
  const of = piece.join(', ');
  return `SELECT ${of}, groupBitXor(line) AS hash FROM (
      SELECT ${of}, cityHash64(${values.join(', ')}) AS line FROM ${source}
      WHERE day >= {from:Date} AND day < {until:Date} GROUP BY ${keys.join(', ')}
    ) GROUP BY ${of}`;
};

/** Pieces of which the sums are not those of the rows. A tag counts from the day on that it was named: that day and those before are passed over. */
const wrongPieces = async (client: Client, rollup: Rollup): Promise<readonly WrongRollup[]> => {
  const { table, piece } = rollup;
  const made = await madeOf(client, rollup);
  const named = piece.includes('tag')
    ? `WHERE (tag, day) IN (SELECT a.tag, d.day FROM (SELECT tag, min(day) AS first FROM tollgate.${table} GROUP BY tag) AS a
         CROSS JOIN (SELECT DISTINCT toDate(started_at) AS day FROM tollgate.calls
           WHERE started_at >= {from:Date} AND started_at < {until:Date}) AS d WHERE d.day > a.first)`
    : '';
  const query = `SELECT ${piece.join(', ')} FROM (
       SELECT * FROM (${hashes(rollup, made, `(${made.select})`)}) UNION ALL SELECT * FROM (${hashes(rollup, made, `tollgate.${table}`)})
     ) ${named} GROUP BY ${piece.join(', ')} HAVING count() != 2 OR uniqExact(hash) != 1 ORDER BY day`;
  const wrong: WrongRollup[] = [];
  for (const stretch of await stretchesOf(client, rollup)) {
    const rows = await asked<{ day: string; tag?: string }>(client, query, { ...stretch });
    wrong.push(
      ...rows.map(({ day, tag }) => ({ kind: 'rollup' as const, table, day, tag: tag ?? null })),
    );
  }
  return wrong;
};

const nameOf = ({ table, day, tag }: WrongRollup): string => JSON.stringify([table, day, tag]);

/**
 * Sums that are not those of the rows, of days that are over. Rows that come late are in the one a moment before they are in the other: what
 * differs is looked at twice.
 * @throws what the client does
 */
export const wrongRollups = async (client: Client): Promise<readonly WrongRollup[]> => {
  const wrong: WrongRollup[] = [];
  for (const rollup of rollups) {
    const once = await wrongPieces(client, rollup);
    if (once.length === 0) continue;
    const again = new Set((await wrongPieces(client, rollup)).map(nameOf));
    wrong.push(...once.filter((one) => again.has(nameOf(one))));
  }
  return wrong;
};

/**
 * Makes the sums of a piece anew from the rows. Cut off, the piece is empty or whole, and the next one finds it.
 * @throws what the client does
 */
export const rebuildRollup = async (client: Client, wrong: WrongRollup): Promise<void> => {
  const { table, day, tag } = wrong;
  const rollup = rollups.find((one) => one.table === table);
  if (rollup === undefined) return;
  const { columns, select } = await madeOf(client, rollup);
  const names = columns.map(({ name }) => name).join(', ');
  const where = `day = {day:Date}${tag === null ? '' : ' AND tag = {tag:String}'}`;
  const query_params = { day, ...(tag === null ? {} : { tag }) };
  await client.command({
    query: `ALTER TABLE tollgate.${table} DELETE WHERE ${where}`,
    query_params,
    clickhouse_settings: { mutations_sync: '2' },
  });
  await client.command({
    query: `INSERT INTO tollgate.${table} (${names}) SELECT ${names} FROM (${select}) WHERE ${where}`,
    query_params,
  });
};
