/** The place of one worker: its process, while one runs there, and what is asked of it. */
import cluster, { type Worker } from 'node:cluster';
import { createInterface } from 'node:readline';
import type { Variables } from '@tollgate/settings/substitute.ts';
import type { WorkerState } from '../../decide/readiness.ts';
import { Asking } from './asking.ts';
import { hiddenVariables } from './flags.ts';
import {
  isWord,
  type About,
  type Answer,
  type AskOfAll,
  type EndTimes,
  type Order,
  type Question,
  type Word,
} from './messages.ts';

export interface SlotOptions {
  readonly worker: number;
  readonly workers: number;
  /** Handed to the process by its channel. */
  readonly variables: Variables;
  /** Told each line that it writes to standard error. */
  say(line: string): void;
  /** It asks something of all workers; what it is told. */
  askAll(what: AskOfAll): Promise<unknown>;
  /** How long it may take until it serves calls. */
  readonly startMs: number;
}

export type SlotStart =
  | { readonly kind: 'ready'; readonly port: number; readonly fingerprint: string }
  /** @param isSaid by itself; else this is how it ended without a word */
  | { readonly kind: 'failed'; readonly problems: readonly string[]; readonly isSaid: boolean };

export class Slot {
  readonly worker: number;
  readonly #options: SlotOptions;
  readonly #asking = new Asking();
  #process: Worker | null = null;
  #state: WorkerState['state'] = 'waiting';
  #restarts = -1;
  #ended: Promise<string> = Promise.resolve('not started');

  constructor(options: SlotOptions) {
    this.#options = options;
    this.worker = options.worker;
  }

  state(): WorkerState {
    const pid = this.#process?.process.pid ?? null;
    return { worker: this.worker, pid, state: this.#state, restarts: Math.max(0, this.#restarts) };
  }

  isReady(): boolean {
    return this.#state === 'ready';
  }

  /** How the process ended, when it has. */
  ended(): Promise<string> {
    return this.#ended;
  }

  /** Starts a process; it serves calls, or has said why it does not and is gone. */
  async start(): Promise<SlotStart> {
    const { startMs } = this.#options;
    const child = cluster.fork(hiddenVariables(Object.keys(process.env)));
    this.#process = child;
    this.#state = 'starting';
    this.#restarts += 1;
    let lastError = '';
    const started = Promise.withResolvers<SlotStart>();
    child.on('message', (word: unknown) => {
      if (isWord(word)) this.#hear(word, started.resolve);
    });
    // It ended while something was on its way to it: that is told as its end.
    child.on('error', () => {});
    this.#readErrors(child, (line) => {
      lastError = line;
    });
    this.#ended = new Promise((resolve) => {
      // `close` comes when its output is read to the end, so the last line is really the last.
      child.process.once('close', (code, signal) => {
        [this.#process, this.#state] = [null, 'waiting'];
        this.#asking.giveUp();
        const how = signal === null ? `exit ${code}` : `signal ${signal}`;
        resolve(lastError === '' ? how : `${how}: ${lastError}`);
      });
    });
    const { worker, workers, variables } = this.#options;
    this.#send({ do: 'start', worker, workers, restarts: this.#restarts, variables });
    const late = setTimeout(() => this.kill(), startMs);
    const end = this.#ended.then((how): SlotStart => ({
      kind: 'failed',
      problems: [how],
      isSaid: false,
    }));
    const result = await Promise.race([started.promise, end]);
    clearTimeout(late);
    if (result.kind === 'failed') await this.#ended;
    return result;
  }

  /** Null: it is not there, or gave no answer in time. */
  async ask<Q extends Question>(
    what: Q,
    about: About<Q>,
    withinMs: number,
  ): Promise<Answer<Q> | null> {
    if (!this.isReady()) return null;
    const answer = await this.#asking.ask(
      (id) => this.#send({ do: 'ask', id, what, about }),
      withinMs,
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the same program answered to this question
    return answer as Answer<Q> | null;
  }

  /** Asks it to end; what serves no calls yet is ended. */
  stop(times: EndTimes): void {
    if (this.isReady()) this.#send({ do: 'stop', times });
    else this.kill();
  }

  kill(): void {
    this.#process?.process.kill('SIGKILL');
  }

  #hear(word: Word, started: (result: SlotStart) => void): void {
    switch (word.say) {
      case 'ready':
        this.#state = 'ready';
        return started({ kind: 'ready', port: word.port, fingerprint: word.fingerprint });
      case 'failed':
        return started({ kind: 'failed', problems: word.problems, isSaid: true });
      case 'answer':
        return this.#asking.answered(word.id, word.answer);
      case 'ask': {
        const { id, what } = word;
        void this.#options.askAll(what).then((answer) => this.#send({ do: 'answer', id, answer }));
      }
    }
  }

  #send(order: Order): void {
    // The callback keeps a process that is gone from being an error here; its end is told as such.
    if (this.#process?.isConnected() === true) this.#process.process.send(order, () => {});
  }

  #readErrors({ process: { stderr } }: Worker, onError: (line: string) => void): void {
    if (stderr === null) return;
    createInterface({ input: stderr }).on('line', (line) => {
      if (line.trim() !== '') onError(line);
      this.#options.say(line);
    });
  }
}
