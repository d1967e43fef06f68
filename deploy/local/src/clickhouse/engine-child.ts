/** The engine's process as the front sees it: started, asked, ended. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { channelFd, openChannel, parseSay } from './channel.ts';
import type { Ask, Call, Done, Facts, Say, Wish } from './channel.ts';
import type { EngineLimits } from './engine.ts';
import { engineGone, Refusal } from './errors.ts';

export interface EngineChild {
  readonly pid: number;
  readonly facts: Facts;
  /** `up`, or why there is none. */
  readonly wall: string;
  /** What the process holds in memory, as it said last. */
  readonly rssBytes: () => number;
  /** How often it has said what it holds: four times a second, as long as its event loop turns. */
  readonly reports: () => number;
  /**
   * @throws Refusal: the engine's own, or 439 when its process ended before it had answered. Never before `ended`: its pipe
   * closes a moment earlier, and who tries again in that moment would find it still there.
   */
  readonly call: (wish: Wish) => Promise<Done>;
  readonly closeConnection: (connection: number) => void;
  /** Asks the process to end: reads are cancelled, inserts finish. */
  readonly end: () => void;
  readonly kill: () => void;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
}
export type Started =
  | { readonly kind: 'serving'; readonly engine: EngineChild }
  /** Another process has the directory: the engine of a front that is gone, which ends soon, or of one that lives. */
  | { readonly kind: 'held' }
  | { readonly kind: 'failed'; readonly why: string };

export interface EngineOptions extends EngineLimits {
  readonly engineDir: string;
  /** Holds the files that front and engine exchange, the engine's lock, and `emptyDir`. */
  readonly scratchDir: string;
  /** The working directory. The engine's database `default` shows the files of it: there shall be none. */
  readonly emptyDir: string;
  /** Each running query holds a thread. */
  readonly threads: number;
}

/** Locked by the engine's process as long as it lives. */
export const engineLock = (scratchDir: string): string => path.join(scratchDir, 'engine.lock');

const entry = fileURLToPath(import.meta.resolve('./engine-main.ts'));

/** All that the process gets to see of ours; above all no secret and no path to one. */
const environment = (threads: number): NodeJS.ProcessEnv => {
  const { TZ } = process.env;
  return { UV_THREADPOOL_SIZE: String(threads), ...(TZ === undefined ? {} : { TZ }) };
};

const spawnEngine = (options: EngineOptions): ChildProcess => {
  const { engineDir, scratchDir, memoryBytes, temporaryBytes } = options;
  // `node:ffi` calls itself experimental on stderr, at every start.
  const flags = ['--disable-warning=ExperimentalWarning', entry];
  const args = [engineDir, scratchDir, String(memoryBytes), String(temporaryBytes)];
  return spawn(process.execPath, [...flags, ...args], {
    cwd: options.emptyDir,
    env: environment(options.threads),
    // What the library prints must not mix with our own first line.
    stdio: ['ignore', 2, 2, 'pipe'],
    // A process group of its own: Ctrl-C reaches the front alone, which then ends the engine in order.
    detached: true,
  });
};

/** Starts the process and waits until it serves or has said why it does not. */
export const startEngineChild = async (options: EngineOptions): Promise<Started> => {
  const child = spawnEngine(options);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`not started (${error.message})`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `exit ${code}` : `signal ${signal}`),
    );
  });
  const pipe = child.stdio[channelFd];
  const { pid } = child;
  if (pid === undefined || !(pipe instanceof Duplex)) return { kind: 'failed', why: await ended };

  const pending = new Map<number, { done: (done: Done) => void; failed: (why: Refusal) => void }>();
  let [lastId, rssBytes, reports, gone] = [0, 0, 0, false];
  let started: (first: Extract<Say, { say: 'ready' | 'held' | 'failed' }>) => void = () => {};
  const first = new Promise<Extract<Say, { say: 'ready' | 'held' | 'failed' }>>((resolve) => {
    started = resolve;
  });
  const hear = (say: Say): void => {
    switch (say.say) {
      case 'ready':
      case 'held':
      case 'failed':
        started(say);
        return;
      case 'memory':
        ({ rssBytes } = say);
        reports += 1;
        return;
      case 'done':
        pending.get(say.id)?.done(say);
        pending.delete(say.id);
        return;
      case 'refused':
        pending.get(say.id)?.failed(new Refusal(say.code, say.symbol, say.text));
        pending.delete(say.id);
    }
  };
  const failPending = async () => {
    await ended;
    for (const { failed } of pending.values()) failed(engineGone());
    pending.clear();
  };
  const channel = openChannel<Say, Ask>(pipe, parseSay, {
    heard: hear,
    gone() {
      gone = true;
      started({ say: 'failed', why: 'it ended before it was ready' });
      void failPending();
    },
  });
  const number = (wish: Wish, id: number): Call => ({ ...wish, id });

  const answer = await first;
  if (answer.say !== 'ready') {
    const how = await ended;
    if (answer.say === 'held') return { kind: 'held' };
    return { kind: 'failed', why: `${answer.why} (${how})` };
  }
  const { wall, version, timezone, displayName } = answer;
  ({ rssBytes } = answer);
  const engine: EngineChild = {
    pid,
    facts: { version, timezone, displayName },
    wall,
    rssBytes: () => rssBytes,
    reports: () => reports,
    async call(wish) {
      if (gone) {
        await ended;
        throw engineGone();
      }
      lastId += 1;
      const id = lastId;
      return new Promise((done, failed) => {
        pending.set(id, { done, failed });
        channel.send(number(wish, id));
      });
    },
    closeConnection: (connection) => channel.send({ do: 'close', connection }),
    end: () => channel.send({ do: 'end' }),
    kill: () => void child.kill('SIGKILL'),
    ended,
  };
  return { kind: 'serving', engine };
};
