/**
 * The embedded ClickHouse: `node deploy/local/src/clickhouse/main.ts`. This process speaks HTTP and knows the users; the engine
 * is a child of it (`engine-main.ts`).
 * Prints one JSON line when it serves; a problem is one line on stderr and exit code 1. SIGTERM and SIGINT end it cleanly.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startCounters } from './counters.ts';
import { openDisk } from './disk.ts';
import { startKeeper } from './keeper.ts';
import { hostList, ownNames } from '@tollgate/listener/names.ts';
import type { Guard } from '@tollgate/listener/edge/guard.ts';
import { readLimits } from './limits.ts';
import { startNormaliser } from './normalise.ts';
import { refusedLog } from './refused.ts';
import { startServer } from './server.ts';
import { startSessions } from './sessions.ts';
import { startSlots } from './slots.ts';
import { takesData } from './statement.ts';
import { loadUsers } from './users.ts';

const usage = `usage: node deploy/local/src/clickhouse/main.ts
An embedded ClickHouse (chDB) behind ClickHouse's HTTP interface. Environment:
  TOLLGATE_DATA_DIR                   data directory; its folder clickhouse/ holds the tables (.tollgate)
  TOLLGATE_HOST                       listening host (127.0.0.1)
  TOLLGATE_HOSTS                      further names it may be called by, separated by commas
  TOLLGATE_CLICKHOUSE_PORT            listening port, 0 for any free one (8123)
  TOLLGATE_CLICKHOUSE_USER, _PASSWORD                who may write (tollgate, generated)
  TOLLGATE_READER_PASSWORD                           password of the user reader, who may read (generated)
  TOLLGATE_CLICKHOUSE_MAX_*           limits, see limits.ts`;

const fail = (text: string): never => {
  process.stderr.write(`clickhouse: ${text.replaceAll('\n', ' ')}\n`);
  process.exit(1);
};
const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

if (process.argv.includes('--help')) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

const { env } = process;
const dataDir = path.resolve(env['TOLLGATE_DATA_DIR'] || '.tollgate');
const host = env['TOLLGATE_HOST'] || '127.0.0.1';
const port = Number(env['TOLLGATE_CLICKHOUSE_PORT'] || 8123);
const engineDir = path.join(dataDir, 'clickhouse');
const scratchDir = path.join(dataDir, 'clickhouse-scratch');
const exchangePrefix = 'exchange-';
const log = (line: string): void => void process.stderr.write(`clickhouse: ${line}\n`);

/** Makes the directories. An engine that an earlier front left may still be reading from that one's; this one has its own. */
const makeDirectories = () => {
  const emptyDir = path.join(scratchDir, 'empty');
  try {
    for (const directory of [engineDir, emptyDir]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
    return { emptyDir, exchangeDir: mkdtempSync(path.join(scratchDir, exchangePrefix)) };
  } catch (error) {
    throw new Error(`the data directory ${dataDir} cannot be written: ${reason(error)}`, {
      cause: error,
    });
  }
};
/** What earlier fronts left, once the engine is ours and nobody reads it any more. */
const sweep = (exchangeDir: string) => {
  for (const name of readdirSync(scratchDir)) {
    const directory = path.join(scratchDir, name);
    if (name.startsWith(exchangePrefix) && directory !== exchangeDir) {
      rmSync(directory, { recursive: true, force: true });
    }
  }
};

/** @throws Error naming the variable that cannot be read. */
const readGuard = (): Guard => {
  const hosts = hostList(env['TOLLGATE_HOSTS'] ?? '');
  if ('problem' in hosts) throw new Error(`TOLLGATE_HOSTS ${hosts.problem}`);
  return {
    names: ownNames(host, hosts),
    refused: refusedLog(log, Date.now),
  };
};

const start = async () => {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(
      `TOLLGATE_CLICKHOUSE_PORT is '${env['TOLLGATE_CLICKHOUSE_PORT']}'; a port from 0 to 65535 is needed`,
    );
  }
  // The engine takes file names as patterns.
  if (/[*?{}[\]]/.test(dataDir)) {
    throw new Error(`the data directory ${dataDir} must not contain any of * ? { } [ ]`);
  }
  const limits = readLimits(env);
  const guard = readGuard();
  const { emptyDir, exchangeDir } = makeDirectories();
  const users = loadUsers(dataDir, env);
  const counters = startCounters();
  const sessions = startSessions(limits.sessions);
  const engine = await startKeeper({
    ...limits,
    engineDir,
    scratchDir,
    emptyDir,
    // Beside running queries, the process reads and writes files on these threads.
    threads: limits.queries + limits.writerQueries + 8,
    counters,
    log,
    letGo: sessions.letGo,
  });
  sweep(exchangeDir);
  const wall = engine.running()?.wall ?? '';
  if (wall !== 'up') {
    log(
      `no wall around the engine: a statement of the writer can reach files of this user (${wall})`,
    );
  }
  try {
    const disk = openDisk(exchangeDir, limits, counters);
    const slots = startSlots(limits, counters);
    const normalise = startNormaliser(engine, takesData, limits.queryBytes);
    const shared = { engine, normalise, sessions, limits, disk, slots, counters };
    return {
      server: await startServer({ ...shared, users, host, port, guard }),
      engine,
      users,
      wall,
    };
  } catch (error) {
    await engine.stop();
    if (!(error instanceof Error && 'code' in error)) throw error;
    const why =
      error.code === 'EADDRINUSE' ? 'is already taken' : `cannot be used (${error.message})`;
    throw new Error(`port ${port} on ${host} ${why}; set TOLLGATE_CLICKHOUSE_PORT`, {
      cause: error,
    });
  }
};

// File reads and compression run on libuv's threads. Set before the first of them is used.
env['UV_THREADPOOL_SIZE'] ??= '16';
const { server, engine, users, wall } = await start().catch((error: unknown) =>
  fail(reason(error)),
);

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  const clean = await server.stop();
  if (!clean) log('a query did not end and cannot be cancelled; it is killed');
  await engine.stop();
  process.exit(0);
};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());

const names = { writer: users.writer.name, reader: users.reader.name };
process.stdout.write(
  `${JSON.stringify({ ready: true, port: server.port, host, pid: process.pid, version: engine.version, wall, ...names })}\n`,
);
