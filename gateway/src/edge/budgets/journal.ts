/**
 * What was used of budgets outlives the process: written about once a second to SQLite in a thread of its own, together with the number of
 * the last row that is in it. What came after that is in the rows of the spool, which are read at the next start.
 */
import { Worker } from 'node:worker_threads';
import type { KeptUse } from '../../decide/budgets/budgets.ts';
import type { Answer, Applied, Write } from './journal-messages.ts';

export interface Journal {
  /** What earlier lives wrote. */
  readonly uses: readonly KeptUse[];
  readonly applied: readonly Applied[];
  /** All of it on the disk itself, or nothing. Null: written; else why not. One at a time. */
  write(write: Write): Promise<string | null>;
  close(): Promise<void>;
}

const entry = new URL('./journal-thread.ts', import.meta.url);

const nextAnswer = (worker: Worker): Promise<Answer> =>
  new Promise((told) => {
    const failed = (error: unknown): void => told({ kind: 'failed', message: String(error) });
    worker.once('message', (answer: Answer) => {
      worker.off('error', failed);
      told(answer);
    });
    worker.once('error', failed);
  });

/** Opens the file; made when it is not there. @throws Error when it cannot be used */
export const openJournal = async (path: string): Promise<Journal> => {
  const worker = new Worker(entry, {
    name: 'budgets',
    workerData: path,
    // What the process preloads is for the process, and so is its environment.
    execArgv: [],
    env: {},
  });
  const loaded = await nextAnswer(worker);
  if (loaded.kind !== 'loaded') {
    await worker.terminate();
    throw new Error(loaded.kind === 'failed' ? loaded.message : 'the journal did not load');
  }
  // A gateway that has stopped does not wait for it.
  worker.unref();
  return {
    uses: loaded.uses,
    applied: loaded.applied,
    async write(write) {
      worker.postMessage(write);
      const answer = await nextAnswer(worker);
      return answer.kind === 'failed' ? answer.message : null;
    },
    async close() {
      const gone = new Promise((over) => worker.once('exit', over));
      worker.postMessage('close');
      worker.ref();
      await gone;
    },
  };
};
