/**
 * The embedded ClickHouse, a process of its own: `node deploy/local/src/clickhouse/main.ts`.
 * Prints one JSON line when it serves; a problem is one line on stderr and exit code 1. SIGTERM and SIGINT end it cleanly.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { openEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import { hostList, ownNames } from './foreign.ts';
import type { Guard } from './guard.ts';
import { readLimits } from './limits.ts';
import { startNormaliser } from './normalise.ts';
import { refusedLog } from './refused.ts';
import { startServer } from './server.ts';
import { startSessions } from './sessions.ts';
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
const workDir = path.join(scratchDir, 'empty');

/** The pid in the engine's lock file, while that process is one of ours and lives. Where /proc is missing the engine's own lock decides. */
const holder = (): number | null => {
  try {
    const [, pid] = /^PID: (\d+)/m.exec(readFileSync(path.join(engineDir, 'status'), 'utf8')) ?? [];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('clickhouse/main.ts') ? Number(pid) : null;
  } catch {
    return null;
  }
};

/** @throws Error naming the variable that cannot be read. */
const readGuard = (): Guard => {
  const hosts = hostList(env['TOLLGATE_HOSTS'] ?? '');
  if ('problem' in hosts) throw new Error(`TOLLGATE_HOSTS ${hosts.problem}`);
  return {
    names: ownNames(host, hosts),
    refused: refusedLog((line) => void process.stderr.write(`clickhouse: ${line}\n`), Date.now),
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
  const held = holder();
  if (held !== null) throw new Error(`${engineDir} is in use by process ${held}`);
  try {
    mkdirSync(engineDir, { recursive: true });
    rmSync(scratchDir, { recursive: true, force: true });
    mkdirSync(workDir, { recursive: true });
  } catch (error) {
    throw new Error(`the data directory ${dataDir} cannot be written: ${reason(error)}`, {
      cause: error,
    });
  }
  const users = loadUsers(dataDir, env);
  // The engine's database `default` also shows the files of the working directory: there shall be none.
  process.chdir(workDir);
  let engine: Engine;
  try {
    engine = openEngine(engineDir);
  } catch (error) {
    throw new Error(`cannot open ${engineDir}: ${reason(error)}`, { cause: error });
  }
  try {
    const sessions = startSessions(limits.sessions);
    const normalise = startNormaliser(engine, takesData, limits.queryBytes);
    const runner = { engine, normalise, sessions, limits, scratchDir };
    const server = await startServer({ ...runner, users, host, port, guard });
    return { engine, server, users };
  } catch (error) {
    engine.close();
    if (!(error instanceof Error && 'code' in error)) throw error;
    const why =
      error.code === 'EADDRINUSE' ? 'is already taken' : `cannot be used (${error.message})`;
    throw new Error(`port ${port} on ${host} ${why}; set TOLLGATE_CLICKHOUSE_PORT`, {
      cause: error,
    });
  }
};

// Each running query holds one of libuv's threads, as do file reads and compression. Set before the first of them is used.
env['UV_THREADPOOL_SIZE'] ??= '48';
const { engine, server, users } = await start().catch((error: unknown) => fail(reason(error)));

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  const clean = await server.stop();
  if (!clean) {
    process.stderr.write('clickhouse: a query did not end and cannot be cancelled; killed\n');
    // Closing the engine under a running query would hang; what was acknowledged is on disk.
    process.kill(process.pid, 'SIGKILL');
  }
  engine.close();
  process.exit(0);
};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());

const names = { writer: users.writer.name, reader: users.reader.name };
process.stdout.write(
  `${JSON.stringify({ ready: true, port: server.port, host, pid: process.pid, version: engine.version, ...names })}\n`,
);
