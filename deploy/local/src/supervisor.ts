/**
 * Runs the parts: starts them in order, each when the one before is ready; starts a crashed one again, a bounded number of times;
 * stops them in the opposite order, so that the gateway drains while everything it needs still answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnPart, untilReady } from './child.ts';
import type { Child, Ended } from './child.ts';
import type { Part } from './parts.ts';

export interface SupervisorOptions {
  readonly startMs: number;
  readonly stopMs: number;
  /** Crashes of one part within `windowMs` before everything is stopped. */
  readonly maxRestarts?: number;
  readonly windowMs?: number;
  /** Before the first restart; doubles with each crash in the window. */
  readonly backoffMs?: number;
  readonly write: (line: string) => void;
}

export interface Supervisor {
  /** Resolves when every part is ready. @throws Error naming the part that did not start, when all others are stopped. */
  readonly start: () => Promise<void>;
  /** Resolves when a part has crashed too often and everything is stopped. */
  readonly failed: Promise<string>;
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
    maxRestarts = 5,
    windowMs = 60_000,
    backoffMs = 500,
    write,
  }: SupervisorOptions,
): Supervisor => {
  const running = new Map<string, Child>();
  const killed = new AbortController();
  let stopping: Promise<void> | null = null;
  let onFailed: (reason: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    onFailed = resolve;
  });

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
  const stop = () => (stopping ??= stopAll());

  /** Starts a part again whenever it ends, until we stop or it has crashed too often. */
  const watch = async (part: Part, first: Child): Promise<void> => {
    const crashes: number[] = [];
    let child = first;
    for (;;) {
      let reason = await child.ended.then(words);
      for (;;) {
        if (stopping !== null) return;
        const nowMs = performance.now();
        crashes.push(nowMs);
        const recent = crashes.filter((atMs) => atMs > nowMs - windowMs).length;
        if (recent > maxRestarts) {
          const text = `${part.name} crashed ${recent} times within ${windowMs / 1000} s (${reason})`;
          await stop();
          onFailed(text);
          return;
        }
        const waitMs = Math.min(backoffMs * 2 ** (recent - 1), 10_000);
        write(`${part.name} crashed (${reason}); starting it again in ${waitMs} ms`);
        await sleep(waitMs, undefined, { signal: killed.signal }).catch(() => {});
        if (stopping !== null) return;
        try {
          child = await launch(part);
          write(`${part.name} is ready again`);
          break;
        } catch (error) {
          reason = error instanceof Error ? error.message : String(error);
        }
      }
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
    failed,
    stop,
    kill() {
      killed.abort();
      stopping ??= Promise.resolve();
      for (const child of running.values()) child.signal('SIGKILL');
    },
  };
};
