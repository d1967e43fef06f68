/** The processes of a benchmark: started on a core of their own where that is possible, and all stopped at the end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that a benchmark started. */
export interface Part {
  readonly pid: number;
  isRunning(): boolean;
  /** SIGTERM, then SIGKILL when it is still there after `withinMs`; the exit code, null when a signal ended it. */
  stop(withinMs?: number): Promise<number | null>;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<number | null>;
}

export interface PartOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The core it runs on; null: any. Ignored where there is no `taskset`. */
  readonly core: number | null;
  /** Several cores instead. */
  readonly cores?: readonly number[];
  /** Its standard output and errors go to this file. */
  readonly logPath: string;
}

const running = new Map<ChildProcess, () => Promise<unknown>>();
const cleanups = new Set<() => Promise<unknown>>();
let stopping = false;

/** True once `stopAll` was asked for: what fails from then on fails because of it. */
export const isStopping = (): boolean => stopping;

/** Where a program is on PATH; null: nowhere. The administrator's directories are looked into as well. */
export const findProgram = (name: string): string | null => {
  const directories = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
  ];
  return (
    directories.map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? null
  );
};

const taskset = findProgram('taskset');

/** True when parts are bound to cores: server and load then do not share one. */
export const pinned = taskset !== null && availableParallelism() >= 2;

/** Starts a part. It must not outlive this process: `stopAll` ends it. */
export const startPart = (options: PartOptions): Part => {
  const { command, args, env, core, logPath } = options;
  const cores = options.cores ?? (core === null ? [] : [core]);
  if (stopping) throw new Error('the benchmark is being stopped');
  const log = openSync(logPath, 'a');
  const [file, all] =
    pinned && cores.length > 0 && taskset !== null
      ? [taskset, ['-c', cores.join(','), command, ...args]]
      : [command, [...args]];
  const child = spawn(file, all, {
    // Our end of its standard input closes when we die, however we do: our own parts end then.
    stdio: ['pipe', log, log],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  closeSync(log);
  child.stdin?.on('error', () => {});
  const ended = Promise.race([
    once(child, 'exit').then(() => child.exitCode),
    once(child, 'error').then(([error]) => Promise.reject(error)),
  ]).finally(() => running.delete(child));
  // A part that ends while nobody waits for it is noticed by whoever talks to it.
  ended.catch(() => {});
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const stop = async (withinMs = 10_000): Promise<number | null> => {
    if (!isRunning()) return child.exitCode;
    child.kill('SIGTERM');
    const late = new AbortController();
    void sleep(withinMs, null, { signal: late.signal }).then(
      () => child.kill('SIGKILL'),
      () => {},
    );
    return ended.finally(() => late.abort());
  };
  running.set(child, stop);
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  return { pid: child.pid, isRunning, stop, ended };
};

/** Runs when the benchmark is over, however that comes about; last registered, first run. */
export const atEnd = (cleanup: () => Promise<unknown>): void => {
  cleanups.add(cleanup);
};

/** Stops every part, then cleans up. Never throws. */
export const stopAll = async (): Promise<void> => {
  stopping = true;
  await Promise.allSettled([...running.values()].map((stop) => stop()));
  for (const cleanup of [...cleanups].toReversed()) await cleanup().catch(() => {});
  cleanups.clear();
};

/** The first line of a part's log that is a JSON object with `field`. Throws with the log when it ends or takes too long. */
export const readyLine = async (
  part: Part,
  logPath: string,
  field: string,
  withinMs = 30_000,
): Promise<Readonly<Record<string, unknown>>> => {
  for (let waitedMs = 0; waitedMs < withinMs && part.isRunning(); waitedMs += 20) {
    for (const line of readFileSync(logPath, 'utf8').split('\n').slice(0, 50)) {
      if (!line.startsWith('{') || !line.endsWith('}')) continue;
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null && field in value) return { ...value };
    }
    await sleep(20);
  }
  throw new Error(
    `${logPath} never said '${field}': ${readFileSync(logPath, 'utf8').slice(-2000)}`,
  );
};
