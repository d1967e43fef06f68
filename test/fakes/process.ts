/** Starts one of our programs as a process of its own and waits for its ready line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';

/** A process of ours from its start on, ready or not. */
export interface Launched {
  readonly pid: number;
  /** What it printed when it was ready; null: it ended before. */
  readonly whenReady: Promise<Readonly<Record<string, unknown>> | null>;
  /** Everything it has printed, both streams, the last MiB. */
  output(): string;
  /** SIGTERM; the exit code once it is gone. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code, once it is gone. */
  readonly gone: Promise<number | null>;
}

export interface Program extends Launched {
  /** What it printed when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
}

const parse = (line: string): Record<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'ready' in value ? { ...value } : null;
  } catch {
    return null;
  }
};

const maxOutput = 1024 * 1024;
const cacheDir = process.env['NODE_COMPILE_CACHE'];
/** For the environment of a process of ours. Set by `boot.mjs`; without it each one strips types and compiles anew. */
export const compileCache = cacheDir === undefined ? {} : { NODE_COMPILE_CACHE: cacheDir };
/** Ends the program when its standard input does: a test run that is killed leaves nothing behind. */
const leash = path.resolve(import.meta.dirname, '../../deploy/local/src/leash.ts');

/** Begins it. @throws Error when there can be no such process */
export const launchProgram = (
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Launched => {
  const child = spawn(process.execPath, ['--import', leash, ...args, file], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      ...env,
    },
  });
  const gone = once(child, 'exit').then(() => child.exitCode);
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-maxOutput);
  };
  child.stderr.setEncoding('utf8').on('data', keep);
  const lines = createInterface({ input: child.stdout });
  const whenReady = new Promise<Record<string, unknown> | null>((resolve) => {
    lines.on('line', (line) => {
      keep(`${line}\n`);
      const found = parse(line);
      if (found !== null) resolve(found);
    });
    void gone.then(() => resolve(null));
  });
  if (child.pid === undefined) throw new Error(`${file} did not start`);
  return {
    pid: child.pid,
    whenReady,
    output: () => output,
    gone,
    async stop() {
      child.kill('SIGTERM');
      return gone;
    },
    async kill9() {
      child.kill('SIGKILL');
      await gone;
    },
    signal: (signal) => {
      child.kill(signal);
    },
  };
};

/** @throws Error with the program's own words when it ends before it is ready. */
export const startProgram = async (
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Program> => {
  const launched = launchProgram(file, env, args);
  const ready = await launched.whenReady;
  if (ready !== null) return { ...launched, ready };
  throw new Error(`${file} did not start (exit ${await launched.gone}): ${launched.output()}`);
};
