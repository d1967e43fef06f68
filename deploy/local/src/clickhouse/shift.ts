/** One engine's process at work: who uses it, and what is known of its memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Done, Wish } from './channel.ts';
import type { Connection } from './engine.ts';
import type { EngineChild } from './engine-child.ts';
import { engineGone, Refusal } from './errors.ts';
import type { Measured } from './recycle.ts';

export interface Shift {
  readonly child: EngineChild;
  /** In memory at its start. */
  readonly baseBytes: number;
  /** Requests that hold a connection. */
  busy: number;
  failures: number;
  /** Of them, those that the last tidying came after. */
  failuresTidied: number;
  tidied: boolean;
  tidying: boolean;
  straySinceMs: number | null;
  /** Its reports when it was last looked at, and how many looks in a row have found no new one. */
  reports: number;
  silentLooks: number;
  /** Its reads are being cancelled to make way for a new process. */
  clearing: boolean;
  /** Called when nobody holds a connection any more, or the process is gone. */
  idle: (() => void) | null;
}

export const startShift = (child: EngineChild): Shift => ({
  child,
  baseBytes: child.rssBytes(),
  busy: 0,
  failures: 0,
  failuresTidied: 0,
  tidied: false,
  tidying: false,
  straySinceMs: null,
  reports: 0,
  silentLooks: 0,
  clearing: false,
  idle: null,
});

/** Longer than two of the process's reports of its memory. */
const settleMs = 600;
/** ClickHouse's QUERY_WAS_CANCELLED. */
const cancelled = 394;

/** Opens a connection; from now on until its `close` the shift is busy. @throws Refusal */
export const openOn = async (shift: Shift, number: number): Promise<Connection> => {
  const { child } = shift;
  const call = async (wish: Wish): Promise<Done> => {
    try {
      return await child.call(wish);
    } catch (error) {
      shift.failures += 1;
      const ours = shift.clearing && error instanceof Refusal && error.code === cancelled;
      throw ours ? engineGone() : error;
    } finally {
      shift.tidied = false;
    }
  };
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    child.closeConnection(number);
    shift.busy -= 1;
    if (shift.busy === 0) shift.idle?.();
  };
  shift.busy += 1;
  try {
    await child.call({ do: 'open', connection: number });
  } catch (error) {
    close();
    throw error;
  }
  return {
    async set(sql) {
      await call({ do: 'set', connection: number, sql });
    },
    async read(sql, format) {
      const { base64, numbers } = await call({ do: 'read', connection: number, sql, format });
      return { ...numbers, bytes: Buffer.from(base64, 'base64') };
    },
    async write(sql) {
      const { numbers } = await call({ do: 'write', connection: number, sql });
      return numbers;
    },
    close,
  };
};

/** Lets the process give freed memory back, and looks for queries that nobody waits for. @throws Refusal when the process is gone */
export const tidy = async (shift: Shift): Promise<void> => {
  const { failures } = shift;
  shift.tidying = true;
  try {
    const { numbers } = await shift.child.call({ do: 'tidy' });
    const strays = shift.busy === 0 && numbers.running > 0;
    shift.straySinceMs = strays ? (shift.straySinceMs ?? performance.now()) : null;
    shift.tidied = !strays;
    shift.failuresTidied = failures;
    await sleep(settleMs);
  } finally {
    shift.tidying = false;
  }
};

export const measure = (shift: Shift): Measured => {
  const { baseBytes, busy, failures, failuresTidied, tidied, straySinceMs } = shift;
  return {
    rssBytes: shift.child.rssBytes(),
    baseBytes,
    busy,
    strayMs: straySinceMs === null ? 0 : performance.now() - straySinceMs,
    failures,
    failedSince: failures - failuresTidied,
    tidied,
  };
};
