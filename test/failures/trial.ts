/** Queries that fail and queries whose clients hang up, beside inserts and reads that must not notice; then the engine's memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

const MiB = 1024 ** 2;
/** What the engine may hold more than before, unless it was replaced. */
export const allowedBytes = 300 * MiB;

export interface Report {
  readonly failed: number;
  readonly hungUp: number;
  readonly beforeBytes: number;
  readonly highestBytes: number;
  readonly afterBytes: number;
  /** Engines started beyond the first. */
  readonly replaced: number;
  readonly inserts: number;
  /** In words; empty when all is well. */
  readonly faults: readonly string[];
}

type Params = Readonly<Record<string, string>>;
interface Query {
  readonly sql: string;
  readonly params: Params;
  readonly user: 'reader' | 'writer';
}
/** Each fails while it runs: too much memory, too much time, a condition. */
const failing: readonly Query[] = [
  {
    sql: 'SELECT groupArray(number) FROM numbers(1000000000)',
    params: { max_memory_usage: '60000000' },
    user: 'reader',
  },
  {
    sql: 'SELECT number, count() FROM numbers(1000000000) GROUP BY number ORDER BY 2 LIMIT 1',
    params: { max_execution_time: '0.05' },
    user: 'reader',
  },
  {
    sql: 'SELECT throwIf(number = 70000) FROM numbers(100000)',
    params: {},
    user: 'writer',
  },
];
const heavy: Query = {
  sql: 'SELECT number, count() FROM numbers(1000000000) GROUP BY number ORDER BY 2 LIMIT 1',
  params: {},
  user: 'reader',
};

const requestTo =
  (on: FakeClickhouse) =>
  async ({ sql, params, user }: Query, signal: AbortSignal | null = null) => {
    const url = new URL(on.url);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    const login = user === 'reader' ? on.reader : on;
    const headers = { 'x-clickhouse-user': login.user, 'x-clickhouse-key': login.password };
    const response = await fetch(url, { method: 'POST', body: sql, headers, signal });
    return { status: response.status, text: (await response.text()).trim() };
  };
type Request = ReturnType<typeof requestTo>;

const metric = async (on: FakeClickhouse, name: string): Promise<number> => {
  const text = await (await fetch(`${on.url}/metrics`)).text();
  return Number(new RegExp(`^tollgate_clickhouse_${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
};

/** Calls `work` with 0, 1, ... `count - 1`, a few at a time. */
const each = async (count: number, work: (i: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
};

/** Inserts and reads without a pause until it is stopped. */
const callers = (request: Request, faults: string[]) => {
  let [inserts, over] = [0, false];
  const note = (what: string, { status, text }: { status: number; text: string }) => {
    if (status !== 200) faults.push(`${what} was answered with ${status}: ${text.slice(0, 200)}`);
  };
  const inserting = async () => {
    while (!over) {
      const params = {
        query: 'INSERT INTO tollgate.rows FORMAT TSV',
        insert_deduplication_token: `row-${inserts}`,
      };
      note('an insert', await request({ sql: `${inserts}\n`, params, user: 'writer' }));
      inserts += 1;
      await sleep(20);
    }
  };
  const reading = async () => {
    while (!over) {
      const sql = 'SELECT count() FROM tollgate.rows';
      note('a read', await request({ sql, params: {}, user: 'reader' }));
      await sleep(50);
    }
  };
  const running = Promise.all([inserting(), reading()]);
  return async () => {
    over = true;
    await running;
    return inserts;
  };
};

/** @param count failing queries, and as many that are hung up. */
export const tryFailures = async (count: number, env: Params = {}): Promise<Report> => {
  const server = await startClickhouse({ migrated: false, env });
  const request = requestTo(server);
  const write = async (sql: string) => (await request({ sql, params: {}, user: 'writer' })).text;
  const faults: string[] = [];
  try {
    await write('CREATE DATABASE IF NOT EXISTS tollgate');
    await write(
      'CREATE TABLE tollgate.rows (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10000',
    );
    for (const query of failing) await request(query);
    await sleep(2000);
    const beforeBytes = await metric(server, 'engine_resident_bytes');
    const stop = callers(request, faults);
    let highestBytes = 0;
    const watch = async () => {
      highestBytes = Math.max(highestBytes, await metric(server, 'engine_resident_bytes'));
    };

    await each(count, async (i) => {
      const query = failing[i % failing.length] ?? heavy;
      const { status } = await request(query);
      if (status === 200) faults.push(`did not fail: ${query.sql}`);
      await watch();
    });
    await each(count, async (i) => {
      const signal = AbortSignal.timeout(1 + ((i * 7) % 120));
      await request(heavy, signal).catch(() => {});
      await watch();
    });
    const inserts = await stop();

    const running =
      "SELECT count() FROM system.processes WHERE query LIKE '%numbers(%' AND query NOT LIKE '%processes%'";
    const settled = async () =>
      (await write(running)) === '0' &&
      (await metric(server, 'engine_resident_bytes')) <= beforeBytes + allowedBytes;
    const untilMs = performance.now() + 60_000;
    while (!(await settled()) && performance.now() < untilMs) await sleep(100);
    const afterBytes = await metric(server, 'engine_resident_bytes');
    const replaced = (await metric(server, 'engine_starts_total')) - 1;
    const crashes = await metric(server, 'engine_crashes_total');
    const strays = await write(running);
    if (strays !== '0') faults.push(`${strays} queries run although nobody waits for them`);
    if (crashes > 0) faults.push(`the engine crashed ${crashes} times`);
    if (afterBytes > beforeBytes + allowedBytes) faults.push('the engine keeps too much memory');
    const rows = await write('SELECT count(), uniqExact(a) FROM tollgate.rows');
    if (rows !== `${inserts}\t${inserts}`) faults.push(`${inserts} inserts, rows: ${rows}`);
    const bytes = { beforeBytes, highestBytes, afterBytes };
    return { failed: count, hungUp: count, ...bytes, replaced, inserts, faults };
  } finally {
    await server.stop();
  }
};
