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
  readonly start: () => Promise<void>;
  /** Stops every part, the last one first. Idempotent. */
  readonly stop: () => Promise<void>;
  /** Kills every part at once. */
  readonly kill: () => void;
}

/** `exit 1: the last line it wrote`. */
const words = ({ how, lastError }: Ended) => (lastError === '' ? how : `${how}: ${lastError}`);

export const supervise = (
  parts: readonly Part[],
  {
    startMs,
    stopMs,
    backoffMs = 500,
    maxBackoffMs = 10_000,
    steadyMs = 60_000,
    onStop,
    write,
  }: SupervisorOptions,
): Supervisor => {
  const running = new Map<string, Child>();
  const killed = new AbortController();
  let stopping: Promise<void> | null = null;

  /** Starts one part and waits until it is ready. @throws Error when it ends or takes too long before that. */
  const launch = async (part: Part): Promise<Child> => {
    const child = spawnPart(part, write);
    running.set(part.name, child);
    let gone = false;
    const end = child.ended.then((ended) => {
      gone = true;
      running.delete(part.name);
      return ended;
    });
    const ready = await untilReady(part.readyUrl, startMs, () => gone || stopping !== null);
    if (ready && !gone) return child;
    if (stopping !== null) throw new Error(`${part.name}: told to stop while starting`);
    if (!gone) {
      child.signal('SIGKILL');
      await end;
      throw new Error(`${part.name} was not ready at ${part.readyUrl} within ${startMs} ms`);
    }
    throw new Error(`${part.name} stopped at start (${words(await end)})`);
  };

  const stopAll = async (): Promise<void> => {
    for (const part of parts.toReversed()) {
      const child = running.get(part.name);
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
  };
  const stop = () => {
    if (stopping === null) onStop();
    return (stopping ??= stopAll());
  };

  /**
   * Starts a part again whenever it ends, until we stop. Never gives up: the other parts work on without it, and what
   * makes it crash (memory, a full disk, a mistake in a file) may go away by itself or by the operator's hand.
   */
  const watch = async (part: Part, first: Child): Promise<void> => {
    let child = first;
    let readySinceMs = performance.now();
    for (let crashes = 0; ;) {
      let reason = await child.ended.then(words);
      if (performance.now() - readySinceMs > steadyMs) crashes = 0;
      for (let again = false; !again;) {
        if (stopping !== null) return;
        const waitMs = Math.min(backoffMs * 2 ** Math.min(crashes, 20), maxBackoffMs);
        crashes += 1;
        const count = crashes === 1 ? '' : `, for the ${crashes}. time in a row`;
        write(
          `${part.name} crashed (${reason})${count}; ${part.meanwhile}; starting it again in ${waitMs} ms`,
        );
        await sleep(waitMs, undefined, { signal: killed.signal }).catch(() => {});
        if (stopping !== null) return;
        try {
          child = await launch(part);
          again = true;
        } catch (error) {
          reason = error instanceof Error ? error.message : String(error);
        }
      }
      readySinceMs = performance.now();
      write(`${part.name} is ready again`);
    }
  };

  return {
    async start() {
      try {
        for (const part of parts) {
          write(`starting ${part.name}`);
          const child = await launch(part);
          await part.afterReady?.((line) => write(`${part.name}: ${line}`));
          void watch(part, child);
        }
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
    kill() {
      killed.abort();
      stopping ??= Promise.resolve();
      for (const child of running.values()) child.signal('SIGKILL');
    },
  };
};
