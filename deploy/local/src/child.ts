/** One part as a process: its lines, its readiness, its end. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { handOverFd } from './environment.ts';
import type { HandOver } from './environment.ts';
import type { Part } from './parts.ts';

export interface Child {
  readonly pid: number | undefined;
  /** How the process ended, when it has: `exit 1` or `signal SIGKILL`, and the last line it wrote to stderr. */
  readonly ended: Promise<Ended>;
  readonly signal: (signal: NodeJS.Signals) => void;
}
export interface Ended {
  readonly how: string;
  readonly lastError: string;
}

const leash = import.meta.resolve('./leash.ts');
const handOver = import.meta.resolve('./hand-over.ts');

/** Longer lines are cut: a part's output must not fill a terminal or our memory. */
const maxLineChars = 8192;

const send = (child: ChildProcess, content: HandOver): void => {
  const pipe = child.stdio[handOverFd];
  if (!(pipe instanceof Writable)) return;
  // A process that died at once is reported as such; that it did not read is no news.
  pipe.on('error', () => {});
  pipe.end(JSON.stringify(content));
};

/** Starts the process. `write` gets each line of its stdout and stderr, with the part's name before it. */
export const spawnPart = (part: Part, write: (line: string) => void): Child => {
  // A process group of its own: Ctrl-C reaches the supervisor alone, which then stops the parts in order.
  const flags = [...part.engineFlags, '--import', leash, '--import', handOver];
  const child = spawn(process.execPath, [...flags, part.entry], {
    env: part.env,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  send(child, { lock: part.lock, variables: part.handed });
  let lastError = '';
  const show = (line: string) => write(`${part.name}: ${line.slice(0, maxLineChars)}`);
  const plain = (line: string) =>
    line.startsWith(`${part.name}: `) ? line.slice(part.name.length + 2) : line;
  createInterface({ input: child.stdout }).on('line', (line) => show(plain(line)));
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.trim() !== '') lastError = plain(line);
    show(plain(line));
  });
  // Writing never happens, but a pipe to a dead process may still report EPIPE.
  child.stdin.on('error', () => {});
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) => resolve({ how: 'not started', lastError: error.message }));
    // `close` comes when its output is read to the end, so the last line is really the last.
    child.once('close', (code, signal) =>
      resolve({ how: signal === null ? `exit ${code}` : `signal ${signal}`, lastError }),
    );
  });
  return { pid: child.pid, ended, signal: (signal) => void child.kill(signal) };
};

/** Asks the readiness check until it says 200. False: the deadline passed, or `gone` says there is nobody to ask. */
export const untilReady = async (
  url: string,
  withinMs: number,
  gone: () => boolean,
): Promise<boolean> => {
  const deadlineMs = performance.now() + withinMs;
  while (performance.now() < deadlineMs && !gone()) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (response.ok) return true;
    } catch {
      // Not yet listening.
    }
    await sleep(50);
  }
  return false;
};
