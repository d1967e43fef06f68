/**
 * Who may run now. A statement takes a slot when it is here whole, so that a client that sends slowly holds none; readers and
 * the writer have slots of their own, so that neither keeps the other out; and the memory that all running queries of readers
 * may use together is bounded, so that the writer has its share.
 */
import type { Counters } from './counters.ts';
import { refusal } from './errors.ts';

export interface SlotLimits {
  readonly queries: number;
  readonly writerQueries: number;
  readonly readersMemoryBytes: number;
  readonly slotWaitMs: number;
}

export interface Wanted {
  readonly role: 'reader' | 'writer';
  /** What the query may use at most. */
  readonly memoryBytes: number;
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal;
}

export interface Slots {
  /** Waits for a slot. Returns what gives it back. @throws Refusal 202 when none became free in time, or too many wait. */
  readonly take: (wanted: Wanted) => Promise<() => void>;
}

interface Pool {
  readonly queries: number;
  readonly memoryBytes: number;
  running: number;
  usedBytes: number;
  /** In the order in which they came; each is asked again whenever a slot becomes free. */
  readonly waiting: Set<() => boolean>;
}

/** So many may wait for each slot. */
const waitingPerSlot = 8;

export const startSlots = (limits: SlotLimits, counters: Counters): Slots => {
  const { readersMemoryBytes, slotWaitMs } = limits;
  const pool = (queries: number, memoryBytes: number): Pool => ({
    queries,
    memoryBytes,
    running: 0,
    usedBytes: 0,
    waiting: new Set(),
  });
  const pools = {
    reader: pool(limits.queries, readersMemoryBytes),
    writer: pool(limits.writerQueries, Infinity),
  };
  return {
    async take({ role, memoryBytes, signal }) {
      const from = pools[role];
      // One that may use more than all together runs alone.
      const bytes = Math.min(memoryBytes, from.memoryBytes);
      const enter = (): boolean => {
        if (from.running >= from.queries || from.usedBytes + bytes > from.memoryBytes) return false;
        from.running += 1;
        from.usedBytes += bytes;
        return true;
      };
      const leave = () => {
        from.running -= 1;
        from.usedBytes -= bytes;
        for (const next of from.waiting) if (!next()) break;
      };
      const full = () => {
        counters.add('refused', `${role}_slots`);
        return refusal(
          'TOO_MANY_SIMULTANEOUS_QUERIES',
          `Too many simultaneous queries. Maximum: ${from.queries} of a ${role}, ${readersMemoryBytes} bytes of memory of all readers`,
        );
      };
      if (from.waiting.size === 0 && enter()) return leave;
      if (from.waiting.size >= from.queries * waitingPerSlot) throw full();
      return new Promise((resolve, reject) => {
        const stop = () => {
          from.waiting.delete(next);
          clearTimeout(timer);
          signal.removeEventListener('abort', give);
        };
        const next = (): boolean => {
          if (!enter()) return false;
          stop();
          resolve(leave);
          return true;
        };
        const give = () => {
          stop();
          reject(full());
        };
        const timer = setTimeout(give, slotWaitMs);
        signal.addEventListener('abort', give, { once: true });
        from.waiting.add(next);
      });
    },
  };
};
