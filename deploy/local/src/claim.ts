/** What a start needs for itself, checked before anything is spawned: ports, a writable data directory, and nobody else in it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { portNames, ports } from './settings.ts';
import type { PortName, Settings } from './settings.ts';

const why = (error: unknown) => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : '');

const listen = async (host: string, port: number) => {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    port: address.port,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
};

/**
 * Settles every port: 0 becomes a free one. All are held until the last is found, so that they differ.
 * Another process may take one between this check and the part's own `listen`; then the part says so.
 * @throws Error with one line per port that cannot be had.
 */
export const claimPorts = async ({ host, ports: wanted }: Settings): Promise<Settings['ports']> => {
  const problems: string[] = [];
  const held: Partial<Record<PortName, Awaited<ReturnType<typeof listen>>>> = {};
  for (const name of portNames) {
    try {
      held[name] = await listen(host, wanted[name]);
    } catch (error) {
      const taken = codeOf(error) === 'EADDRINUSE';
      const reason = taken ? 'is already taken' : `cannot be used (${why(error)})`;
      problems.push(`port ${wanted[name]} on ${host} ${reason}; set ${ports[name].env}`);
    }
  }
  await Promise.all(Object.values(held).map((one) => one.close()));
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const port = (name: PortName) => held[name]?.port ?? wanted[name];
  return {
    gateway: port('gateway'),
    clickhouse: port('clickhouse'),
    otlpGrpc: port('otlpGrpc'),
    otlpHttp: port('otlpHttp'),
    routerAdmin: port('routerAdmin'),
  };
};

/** When the process began, as the kernel counts it; tells a living owner from a process that got its number later. Empty without /proc. */
const startedAt = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
};

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/**
 * Makes the data directory and takes it for this process. Returns what gives it back.
 * @throws Error when it cannot be written, or another instance lives in it.
 */
export const claimDataDir = (dataDir: string): (() => void) => {
  const lock = path.join(dataDir, 'instance.lock');
  const mine = `${process.pid} ${startedAt(process.pid)}`;
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      writeFileSync(lock, mine, { flag: 'wx' });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        throw new Error(`the data directory ${dataDir} cannot be written: ${why(error)}`, {
          cause: error,
        });
      }
    }
    let owner = '';
    try {
      owner = readFileSync(lock, 'utf8');
    } catch {
      continue;
    }
    const [pid = '', started = ''] = owner.split(' ');
    if (lives(Number(pid)) && startedAt(Number(pid)) === started) {
      throw new Error(
        `the data directory ${dataDir} is in use by process ${pid}; set TOLLGATE_DATA_DIR`,
      );
    }
    rmSync(lock, { force: true });
  }
  throw new Error(`the data directory ${dataDir} is being taken by another start`);
};
