/**
 * Runs the parts: starts them in order, each when the one before is ready; starts a crashed one again, however often it crashes;
 * stops them in the opposite order, so that the gateway drains while everything it needs still answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnPart, untilReady } from './child.ts';
import type { Child, Ended } from './child.ts';
import type { Part } from './parts.ts';

export interface SupervisorOptions {
  readonly startMs: number;
  readonly stopMs: number;
  /** Before the first restart; doubles with each crash, up to `maxBackoffMs`. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
  /** A part that lived so long has recovered: its next crash counts as the first. */
  readonly steadyMs?: number;
  /** Called once, when the parts begin to be stopped. */
  readonly onStop: () => void;
  readonly write: (line: string) => void;
}

export interface Supervisor {
  /** Resolves when every part is ready. @throws Error naming the part that did not start, when all others are stopped. */
  start(): Promise<void>;
  /** Stops every part, the last one first. Idempotent. */
  stop(): Promise<void>;
  /** Kills every part at once. */
  kill(): void;
}

/** `exit 1: the last line it wrote`. */
const words = ({ how, lastError }: Ended) => (lastError === '' ? how : `${how}: ${lastError}`);

/** Nothing is started yet. */
export const supervise = (parts: readonly Part[], options: SupervisorOptions): Supervisor =>
  new PartsInOrder(parts, options);

class PartsInOrder implements Supervisor {
  readonly #parts: readonly Part[];
  readonly #options: Required<SupervisorOptions>;
  readonly #running = new Map<string, Child>();
  readonly #killed = new AbortController();
  #stopping: Promise<void> | null = null;

  constructor(parts: readonly Part[], options: SupervisorOptions) {
    this.#parts = parts;
    this.#options = { backoffMs: 500, maxBackoffMs: 10_000, steadyMs: 60_000, ...options };
  }

  async start(): Promise<void> {
    const { write } = this.#options;
    try {
      for (const part of this.#parts) {
        write(`starting ${part.name}`);
        const child = await this.#launch(part);
        await part.afterReady?.((line) => write(`${part.name}: ${line}`));
        void this.#watch(part, child);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    if (this.#stopping === null) this.#options.onStop();
    return (this.#stopping ??= this.#stopAll());
  }

  kill(): void {
    this.#killed.abort();
    this.#stopping ??= Promise.resolve();
    for (const child of this.#running.values()) child.signal('SIGKILL');
  }

  /** Starts one part and waits until it is ready. @throws Error when it ends or takes too long before that. */
  async #launch(part: Part): Promise<Child> {
    const { startMs, write } = this.#options;
    const child = spawnPart(part, write);
    this.#running.set(part.name, child);
    let gone = false;
    const end = child.ended.then((ended) => {
      gone = true;
      this.#running.delete(part.name);
      return ended;
    });
    const isOver = () => gone || this.#stopping !== null;
    const ready = await untilReady(part.readyUrl, startMs, isOver);
    if (ready && !gone) return child;
    if (this.#stopping !== null) throw new Error(`${part.name}: told to stop while starting`);
    if (!gone) {
      child.signal('SIGKILL');
      await end;
      throw new Error(`${part.name} was not ready at ${part.readyUrl} within ${startMs} ms`);
    }
    throw new Error(`${part.name} stopped at start (${words(await end)})`);
  }

  /**
   * Starts a part again whenever it ends, until we stop. Never gives up: the other parts work on without it, and what
   * makes it crash (memory, a full disk, a mistake in a file) may go away by itself or by the operator's hand.
   */
  async #watch(part: Part, first: Child): Promise<void> {
    let child = first;
    let readySinceMs = performance.now();
    for (let crashes = 0; ;) {
      let reason = await child.ended.then(words);
      if (performance.now() - readySinceMs > this.#options.steadyMs) crashes = 0;
      for (let again = false; !again;) {
        if (this.#stopping !== null) return;
        crashes += 1;
        await this.#backOff(part, crashes, reason);
        if (this.#stopping !== null) return;
        try {
          child = await this.#launch(part);
          again = true;
        } catch (error) {
          reason = error instanceof Error ? error.message : String(error);
        }
      }
      readySinceMs = performance.now();
      this.#options.write(`${part.name} is ready again`);
    }
  }

  /** Says that a part crashed, so many times in a row, and waits before it is started again. */
  async #backOff(part: Part, crashes: number, reason: string): Promise<void> {
    const { backoffMs, maxBackoffMs, write } = this.#options;
    const waitMs = Math.min(backoffMs * 2 ** Math.min(crashes - 1, 20), maxBackoffMs);
    const count = crashes === 1 ? '' : `, for the ${crashes}. time in a row`;
    write(
      `${part.name} crashed (${reason})${count}; ${part.meanwhile}; starting it again in ${waitMs} ms`,
    );
    await sleep(waitMs, undefined, { signal: this.#killed.signal }).catch(() => {});
  }

  async #stopAll(): Promise<void> {
    const { stopMs, write } = this.#options;
    for (const part of this.#parts.toReversed()) {
      const child = this.#running.get(part.name);
      if (child === undefined) continue;
      write(`stopping ${part.name}`);
      child.signal('SIGTERM');
      const late = new AbortController();
      const deadline = sleep(stopMs, 'late', { signal: late.signal }).catch(() => 'in time');
      const ended = child.ended.then(() => 'ended');
      if ((await Promise.race([ended, deadline])) === 'late') {
        write(`${part.name} did not stop within ${stopMs} ms and is killed`);
        child.signal('SIGKILL');
        await ended;
      }
      late.abort();
    }
  }
}
