/** What finance asks, of ten million calls: how long it takes, and what it costs to keep the answers near. Method: docs/benchmarks.md. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, migrationFolders } from '../../deploy/clickhouse/migrate.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { cpuSeconds } from './support/cpu.ts';
import { fillQuery } from './support/ledger-fill.ts';
import { askedOf, type Asked } from './support/ledger-questions.ts';
import { helpText, readOptions } from './support/options.ts';
import { conclude, sayer, type Table } from './support/report.ts';

const options = {
  calls: { kind: 'number', value: 10_000_000, range: [1000, 1e9], help: 'calls in thirty days' },
  rounds: { kind: 'number', value: 5, range: [1, 1000], help: 'times that each question is asked' },
  rows: {
    kind: 'number',
    value: 2000,
    range: [1, 10_000],
    help: 'rows of a large measured insert',
  },
  few: { kind: 'number', value: 50, range: [1, 10_000], help: 'rows of a small one' },
  inserts: { kind: 'number', value: 15, range: [1, 1000], help: 'times that each is measured' },
} as const;

const what = `Questions of finance and operators on a full ledger in the embedded ClickHouse, warm; bytes a row; CPU of an insert.
Needs some 130 bytes of disk a call, and a quarter of an hour for ten million.`;

type Ask = (sql: string, settings?: Readonly<Record<string, string>>) => Promise<string>;
type Say = (text: string) => void;

const asker =
  ({ url, user, password }: Pick<FakeClickhouse, 'url' | 'user' | 'password'>): Ask =>
  async (sql, settings = {}) => {
    const reply = await fetch(`${url}/?${String(new URLSearchParams(settings))}`, {
      method: 'POST',
      body: sql,
      headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(text.trim());
    return text.trim();
  };

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;
const shown = (value: number, digits = 0): string => value.toFixed(digits);

const callsOfAnInsert = 500_000;

/** Fills the ledger, and waits until nothing is merged any more. */
const fill = async (ask: Ask, calls: number, endMs: number, say: Say): Promise<void> => {
  await ask("INSERT INTO tollgate.allocation_tags VALUES ('feature')");
  for (let from = 0; from < calls; from += callsOfAnInsert) {
    const to = Math.min(calls, from + callsOfAnInsert);
    await ask(fillQuery({ calls, endMs }, from, to), { optimize_on_insert: '0' });
    say(`${to} calls`);
  }
  for (let quiet = 0; quiet < 3;) {
    await sleep(1000);
    const busy = await ask(
      'SELECT (SELECT count() FROM system.merges) + (SELECT count() FROM system.mutations WHERE NOT is_done)',
    );
    quiet = busy === '0' ? quiet + 1 : 0;
  }
};

/** A process and all that it started. */
const family = (pid: number): readonly number[] => {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  return [pid, ...children.map(Number).flatMap(family)];
};

interface Times {
  readonly ms: readonly number[];
  /** CPU of ClickHouse, on average. */
  readonly cpuMs: number;
}

/** The first time, which reads from disk, does not count. */
const timesOf = async (
  engine: FakeClickhouse,
  { sql }: Asked,
  rounds: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<Times> => {
  const ask = asker(engine);
  await ask(sql, settings);
  const pids = family(engine.pid);
  const before = cpuSeconds(pids);
  const ms: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    await ask(sql, settings);
    ms.push(performance.now() - startedMs);
  }
  return { ms, cpuMs: ((cpuSeconds(pids) - before) * 1000) / rounds };
};

const questionsTable = async (
  engine: FakeClickhouse,
  asked: readonly Asked[],
  rounds: number,
): Promise<{ readonly table: Table; readonly problems: readonly string[] }> => {
  const rows: string[][] = [];
  const problems: string[] = [];
  for (const question of asked) {
    const beside = await timesOf(engine, question, rounds);
    const plain = await timesOf(engine, question, rounds, { optimize_use_projections: '0' });
    const { name, goalMs } = question;
    const ms = median(beside.ms);
    rows.push([
      name,
      shown(ms),
      shown(Math.min(...beside.ms)),
      shown(beside.cpuMs),
      shown(median(plain.ms)),
      shown(plain.cpuMs),
      goalMs === null ? '' : `< ${goalMs}`,
    ]);
    if (goalMs !== null && ms >= goalMs) problems.push(`${name}: ${shown(ms)} ms`);
  }
  const head = [
    'question',
    'ms, median',
    'min',
    'CPU ms',
    'without projections, ms',
    'CPU ms',
    'goal',
  ];
  return { table: { title: 'Questions', head, rows }, problems };
};

const bytesTable = async (ask: Ask, calls: number): Promise<Table> => {
  const text = await ask(`SELECT name, rows, toInt64(bytes) AS bytes FROM (
    SELECT 'calls, without projections' AS name, sum(rows) AS rows, sum(bytes_on_disk) - (SELECT assumeNotNull(sum(bytes_on_disk)) FROM system.projection_parts WHERE active AND database = 'tollgate') AS bytes
      FROM system.parts WHERE active AND database = 'tollgate' AND table = 'calls'
    UNION ALL SELECT concat('projection ', name), sum(rows), sum(bytes_on_disk) FROM system.projection_parts WHERE active AND database = 'tollgate' GROUP BY name
    UNION ALL SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'tollgate' AND table IN ('runs', 'usage_1d', 'tags_1d') GROUP BY table
  ) ORDER BY bytes DESC`);
  const rows = text.split('\n').map((line) => {
    const [name = '', count = '', bytes = ''] = line.split('\t');
    return [name, count, shown(Number(bytes) / 2 ** 20, 1), shown(Number(bytes) / calls, 2)];
  });
  return { title: 'On disk', head: ['what', 'rows', 'MiB', 'bytes a call'], rows };
};

/** The work of `tollgate ledger export` for all thirty days, as the reader does it; why not, where that is refused. */
const exportNote = async (engine: FakeClickhouse): Promise<string> => {
  const startedMs = performance.now();
  const ask = asker({ url: engine.url, ...engine.reader });
  const what = 'FOCUS, every line of thirty days';
  try {
    await ask('SELECT * FROM tollgate.focus FORMAT Null');
    return `${what}: ${shown((performance.now() - startedMs) / 1000, 1)} s`;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
    return `${what}: refused after ${shown((performance.now() - startedMs) / 1000, 1)} s: ${reason}`;
  }
};

/** The tables before there were projections and rollups. */
const lastPlain = 4;
const migrateToPlain = async (engine: FakeClickhouse): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  const [source = ''] = migrationFolders;
  const target = join(dir, 'gateway', basename(source));
  mkdirSync(target, { recursive: true });
  for (const file of readdirSync(source))
    if (Number.parseInt(file, 10) <= lastPlain)
      copyFileSync(join(source, file), join(target, file));
  await migrate({ ...engine, folders: [target], log: () => {} });
  rmSync(dir, { recursive: true });
};

interface Variant {
  readonly name: string;
  readonly engine: FakeClickhouse;
  readonly optimize: '0' | '1';
}

/** Merges that an insert brings about are its own cost. */
const settleMs = 1500;

const rowColumns = async (ask: Ask): Promise<string> =>
  (
    await ask(
      "SELECT concat('`', name, '`') FROM system.columns WHERE database = 'tollgate' AND table = 'calls' AND default_kind != 'ALIAS'",
    )
  ).replaceAll('\n', ', ');

interface Inserts {
  readonly columns: string;
  /** Rows as the ledger sends them. */
  readonly lines: string;
  readonly rows: number;
  readonly rounds: number;
}

/** CPU of inserts: every variant once a round, every other round the other way round. */
const insertsTable = async (
  variants: readonly Variant[],
  { columns, lines, rows, rounds }: Inserts,
): Promise<Table> => {
  const spent = new Map<string, number[]>();
  for (let round = -1; round < rounds; round += 1)
    for (const { name, engine, optimize } of round % 2 === 0 ? variants : variants.toReversed()) {
      const pids = family(engine.pid);
      const before = cpuSeconds(pids);
      const sql = `INSERT INTO tollgate.calls (${columns}) FORMAT JSONCompactEachRow\n${lines}`;
      await asker(engine)(sql, {
        insert_deduplication_token: `${name}/${rows}/${round}`,
        deduplicate_blocks_in_dependent_materialized_views: '1',
        optimize_on_insert: optimize,
      });
      await sleep(settleMs);
      if (round >= 0)
        spent.set(name, [...(spent.get(name) ?? []), ((cpuSeconds(pids) - before) * 1e6) / rows]);
    }
  return {
    title: `An insert of ${rows} rows, CPU of ClickHouse`,
    head: ['variant', 'us a row, median', 'min', 'max'],
    rows: [...spent].map(([name, us]) => [
      name,
      shown(median(us), 1),
      shown(Math.min(...us), 1),
      shown(Math.max(...us), 1),
    ]),
  };
};

/** Of a small insert and of a large one, into the tables of before and those of today. */
const insertsTables = async (
  from: Ask,
  sizes: readonly number[],
  rounds: number,
  say: Say,
): Promise<readonly Table[]> => {
  const plain = await startClickhouse({ migrated: false });
  const all = await startClickhouse();
  try {
    await migrateToPlain(plain);
    const columns = await rowColumns(asker(plain));
    const variants: readonly Variant[] = [
      { name: 'before: searched for twins', engine: plain, optimize: '1' },
      { name: 'not searched', engine: plain, optimize: '0' },
      { name: 'searched, with projections and rollups', engine: all, optimize: '1' },
      { name: 'now: not searched, with projections and rollups', engine: all, optimize: '0' },
    ];
    const tables: Table[] = [];
    for (const rows of sizes) {
      say(`inserts of ${rows} rows`);
      const lines = await from(
        `SELECT ${columns} FROM tollgate.calls ORDER BY started_at LIMIT ${rows} FORMAT JSONCompactEachRow`,
        { output_format_json_quote_decimals: '1' },
      );
      tables.push(await insertsTable(variants, { columns, lines, rows, rounds }));
    }
    return tables;
  } finally {
    await Promise.all([plain.stop(), all.stop()]);
  }
};

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('questions', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const say = sayer(given.json);
  // The last full hour, so that two hours are two.
  const endMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-questions-'));
  // Also when a signal ends the benchmark.
  process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  const engine = await startClickhouse({ dataDir });
  try {
    const ask = asker(engine);
    const startedMs = performance.now();
    await fill(ask, given.calls, endMs, say);
    const fillSeconds = (performance.now() - startedMs) / 1000;
    say('questions');
    const { table, problems } = await questionsTable(engine, askedOf(endMs), given.rounds);
    const bytes = await bytesTable(ask, given.calls);
    const exported = await exportNote(engine);
    const sizes = [given.few, given.rows];
    const inserts = await insertsTables(ask, sizes, given.inserts, say);
    const sums = await ask(
      'SELECT (SELECT sum(cost_usd) FROM tollgate.calls), (SELECT sum(cost_usd) FROM tollgate.usage_1d), (SELECT sum(cost_usd) FROM tollgate.runs)',
    );
    const drift = new Set(sums.split('\t')).size === 1 ? [] : [`sums differ: ${sums}`];
    return conclude(
      'questions',
      {
        settings: given,
        tables: [table, bytes, ...inserts],
        notes: [
          exported,
          `filled in ${shown(fillSeconds)} s; calls, usage_1d and runs come to $${sums.split('\t').join(', $')}`,
        ],
        problems: [...problems, ...drift],
      },
      {},
      given,
    );
  } finally {
    await engine.stop();
  }
};
