/**
 * Large bodies are read and written in a thread of their own: what they cost in time and memory is not taken from the
 * calls of others. One body at a time, the callers by turns, so that one caller's bodies delay another's by one at
 * most. A body that is more than the thread's heap ends the thread and is refused; the next one finds a new thread.
 */
import { Worker } from 'node:worker_threads';
import type { Problem } from '../../model/call.ts';
import {
  tooMuchMemory,
  type Answer,
  type Question,
  type ReadAnswer,
  type WriteAnswer,
} from './messages.ts';
import type { WriteFor } from './messages.ts';
import type { Reading } from './read-json.ts';

/** A body that has the thread to itself until it is closed. */
export interface LargeBody {
  readonly read: ReadAnswer;
  /** Once; the bytes are gone afterwards. */
  write(targets: readonly WriteFor[]): Promise<WriteAnswer>;
  close(): void;
}

export interface LargeBodies {
  /** Waits its turn. `bytes` must have their memory to themselves: it moves to the thread. */
  open(keyId: string, bytes: Buffer, reading: Reading): Promise<LargeBody>;
  /** Ends the thread, if there is one. */
  stop(): Promise<void>;
}

/** The heap of the thread: room for its code, and for what a body of the largest size becomes within its limits. */
const heapMiB = (maxBytes: number): number => 256 + 10 * Math.ceil(maxBytes / 2 ** 20);
const mostHeapMiB = 8192;

interface Job {
  start(): void;
}

/** Hands out the one thread, the keys by turns. */
const turns = () => {
  /** In the order in which the keys have their turn. */
  const waiting = new Map<string, Job[]>();
  let busy = false;
  const next = (): void => {
    const [first] = waiting;
    if (first === undefined) {
      busy = false;
      return;
    }
    const [keyId, [job, ...rest]] = first;
    waiting.delete(keyId);
    if (rest.length > 0) waiting.set(keyId, rest);
    job?.start();
  };
  return {
    take(keyId: string): Promise<void> {
      if (!busy) {
        busy = true;
        return Promise.resolve();
      }
      return new Promise((start) => {
        const own = waiting.get(keyId);
        if (own === undefined) waiting.set(keyId, [{ start }]);
        else own.push({ start });
      });
    },
    giveBack: next,
  };
};

/**
 * No thread yet: it starts with the first large body.
 * @param maxBytes the largest body there can be
 * @param onEnd told when a body ended the thread
 */
export const largeBodies = (maxBytes: number, onEnd: () => void): LargeBodies => {
  const lane = turns();
  let worker: Worker | null = null;
  let answered: ((answer: Answer | null) => void) | null = null;

  const tell = (answer: Answer | null): void => {
    const waiting = answered;
    answered = null;
    waiting?.(answer);
  };
  const started = (): Worker => {
    const fresh = new Worker(new URL('thread.ts', import.meta.url), {
      name: 'large-bodies',
      // What the process preloads is for the process: `npm start` ends a part when its standard input does.
      execArgv: [],
      // No credential of the environment is in this thread.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: Math.min(mostHeapMiB, heapMiB(maxBytes)) },
    });
    fresh.on('message', (answer: Answer) => tell(answer));
    // The heap's limit, or a bug outside of any body: both end it.
    fresh.on('error', () => {});
    fresh.on('exit', () => {
      if (worker === fresh) worker = null;
      if (answered !== null) onEnd();
      tell(null);
    });
    fresh.unref();
    return fresh;
  };
  /** Null: the thread ended over it. */
  const ask = (question: Question, memory: readonly ArrayBuffer[]): Promise<Answer | null> => {
    worker ??= started();
    const { promise, resolve } = Promise.withResolvers<Answer | null>();
    answered = resolve;
    worker.postMessage(question, [...memory]);
    return promise;
  };
  const bad = (problem: Problem) => ({ kind: 'bad', problem }) as const;

  const read = async (bytes: Buffer, reading: Reading): Promise<ReadAnswer> => {
    const { buffer, length } = bytes;
    const memory = buffer instanceof ArrayBuffer ? [buffer] : [];
    const answer = await ask({ kind: 'read', bytes, reading }, memory);
    if (answer === null) return bad(tooMuchMemory(length));
    if (answer.kind === 'read') return answer.answer;
    throw new Error(answer.kind === 'bug' ? answer.message : 'the thread answered something else');
  };
  const write = async (length: number, targets: readonly WriteFor[]): Promise<WriteAnswer> => {
    const answer = await ask({ kind: 'write', targets }, []);
    if (answer === null) return bad(tooMuchMemory(length));
    if (answer.kind === 'written') return answer.answer;
    throw new Error(answer.kind === 'bug' ? answer.message : 'the thread answered something else');
  };

  return {
    async open(keyId, bytes, reading) {
      const { length } = bytes;
      await lane.take(keyId);
      let open = true;
      const close = (): void => {
        if (!open) return;
        open = false;
        worker?.postMessage({ kind: 'forget' });
        lane.giveBack();
      };
      try {
        return {
          read: await read(bytes, reading),
          write: (targets) => write(length, targets),
          close,
        };
      } catch (error) {
        close();
        throw error;
      }
    },
    async stop() {
      await worker?.terminate();
    },
  };
};
