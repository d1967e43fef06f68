/** What a start needs for itself, checked before anything is spawned: a data directory with nobody else in it, and ports. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { partNames } from './environment.ts';
import { holderOf, lockFile, takeLock } from './lock.ts';
import type { Lock } from './lock.ts';
import { portNames, ports } from './settings.ts';
import type { PortName, Settings } from './settings.ts';

const why = (error: unknown) => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : '');

/** How often a lock or a port that is not free yet is tried again. */
const pollMs = 50;

/** A process that is ending lets go of its locks a moment before its ports. */
const portGraceMs = 1000;

const listenOnce = async (host: string, port: number) => {
  // Callers of the product try again all the time; one who got through now would keep the listener from closing.
  const server = createServer((caller) => caller.destroy());
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

const listen = async (host: string, port: number, untilMs: number) => {
  for (;;) {
    try {
      return await listenOnce(host, port);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || performance.now() > untilMs) throw error;
      await sleep(pollMs);
    }
  }
};

/**
 * Settles every port: 0 becomes a free one. All are held until the last is found, so that they differ.
 * Another process may take one between this check and the part's own `listen`; then the part says so.
 * @param graceMs how long a port may still be taken
 * @throws Error with one line per port that cannot be had.
 */
export const claimPorts = async (
  { host, ports: wanted }: Pick<Settings, 'host' | 'ports'>,
  graceMs = portGraceMs,
): Promise<Settings['ports']> => {
  const problems: string[] = [];
  const held: Partial<Record<PortName, Awaited<ReturnType<typeof listen>>>> = {};
  const untilMs = performance.now() + graceMs;
  for (const name of portNames) {
    try {
      held[name] = await listen(host, wanted[name], untilMs);
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

export interface Claim {
  /** Lets a later start know that this one is on its way out, so that it waits instead of refusing. */
  readonly announceStop: () => void;
  readonly release: () => void;
}

/** How long a start whose `npm` was killed may take to notice: `boot.mjs` looks twice a second. */
const noticeMs = 3000;

interface Patience {
  readonly waitMs: number;
  readonly say: (line: string) => void;
}

/** Tries until the lock is free or `giveUp` says so. */
const untilFree = async (file: string, giveUp: () => boolean): Promise<Lock> => {
  for (;;) {
    const lock = takeLock(file);
    if (lock.kind === 'locked' || giveUp()) return lock;
    await sleep(pollMs);
  }
};

/** Waits for one process of an earlier start. @throws Error when it does not end in time. */
const awaitEnd = async (
  dataDir: string,
  name: string,
  { waitMs, say }: Patience,
): Promise<Lock & { kind: 'locked' }> => {
  const file = lockFile(dataDir, name);
  const subject = name === 'start' ? 'an earlier start' : `the ${name} of an earlier start`;
  const untilMs = performance.now() + waitMs;
  let said = false;
  const lock = await untilFree(file, () => {
    if (!said) say(`waiting for ${subject} to end${holderOf(file)}...`);
    said = true;
    return performance.now() > untilMs;
  });
  if (lock.kind === 'locked') return lock;
  const rest = `still runs in ${dataDir} after ${waitMs} ms (TOLLGATE_TAKE_OVER_TIMEOUT_MS)`;
  throw new Error(`${subject}${holderOf(file)} ${rest}`);
};

/**
 * Makes the data directory and takes it for this process. Waits for what is left of an earlier start, a start that is
 * stopping or the parts of one that was killed, and says so.
 * @throws Error when the directory cannot be written, another start lives in it, or an earlier one does not end.
 */
export const claimDataDir = async (dataDir: string, patience: Patience): Promise<Claim> => {
  const file = lockFile(dataDir, 'start');
  const stopping = path.join(path.dirname(file), 'stopping');
  let first: Lock;
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const untilMs = performance.now() + noticeMs;
    first = await untilFree(file, () => existsSync(stopping) || performance.now() > untilMs);
  } catch (error) {
    throw new Error(`the data directory ${dataDir} cannot be written: ${why(error)}`, {
      cause: error,
    });
  }
  if (first.kind === 'held' && !existsSync(stopping)) {
    throw new Error(
      `the data directory ${dataDir} is in use by another start${holderOf(file)}; set TOLLGATE_DATA_DIR`,
    );
  }
  const mine = first.kind === 'locked' ? first : await awaitEnd(dataDir, 'start', patience);
  try {
    rmSync(stopping, { force: true });
    for (const name of partNames) (await awaitEnd(dataDir, name, patience)).release();
  } catch (error) {
    mine.release();
    throw error;
  }
  return { announceStop: () => writeFileSync(stopping, ''), release: () => mine.release() };
};
