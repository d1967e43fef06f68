/**
 * A changed configuration comes into force in all workers or in none: each reads it anew and brings it to life, and only when
 * all of them have the same one ready, it is swapped in.
 */
import type { Logger } from 'pino';
import { problemText } from '@tollgate/settings/document.ts';
import { watchSettings, type Watching } from '@tollgate/settings/edge/watch.ts';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import type { Config } from '../../config/config.ts';
import { readConfig, type ConfigSource } from '../config/read.ts';
import type { Prepared } from './messages.ts';
import type { Slot } from './slot.ts';

/** A catalogue of prices is read and compiled in less than a second. */
const prepareMs = 60_000;
const commitMs = 15_000;
/** A file that changes while it is read by one after the other. */
const mostTries = 3;

/** What a reload needs of a worker. */
type Asked = Pick<Slot, 'worker' | 'ask' | 'isReady'>;

export class Reload {
  readonly #slots: readonly Asked[];
  readonly #log: Logger;
  readonly #watching: Watching | null;
  /** Of the configuration that all of them have in force. */
  #agreed: string;
  #running: Promise<void> = Promise.resolve();

  constructor(
    slots: readonly Asked[],
    { source, sources, log }: { source: ConfigSource; sources: Sources; log: Logger },
  ) {
    this.#slots = slots;
    this.#log = log;
    this.#agreed = sources.fingerprint;
    this.#watching =
      source.path === null
        ? null
        : watchSettings(
            {
              read: () => readConfig(source),
              onChange: (config) => {
                this.#running = this.#running.then(() => this.#all(config));
              },
              onRejected: (problems) => {
                for (const problem of problems)
                  log.error({ component: 'config' }, problemText(problem));
                this.#running = this.#running.then(() => this.#refuse());
              },
            },
            sources,
          );
  }

  /** A worker has started with what it read then; when that is something else than the others have, all of them read it. */
  started(fingerprint: string): void {
    // Compared when what is under way is over: that may be without it.
    this.#running = this.#running.then(() =>
      fingerprint === this.#agreed ? undefined : this.#all(null),
    );
  }

  async close(): Promise<void> {
    await this.#watching?.close();
    await this.#running;
  }

  async #all(config: Config | null): Promise<void> {
    let refusals: readonly string[] = [];
    for (let tries = 0; tries < mostTries; tries += 1) {
      const heard = await this.#prepared();
      const fingerprints = new Set(
        heard.flatMap(({ answer }) => (answer.kind === 'prepared' ? [answer.fingerprint] : [])),
      );
      const [fingerprint] = fingerprints;
      refusals = heard.flatMap(({ worker, answer }) =>
        answer.kind === 'refused' ? [`worker ${worker}: ${answer.message}`] : [],
      );
      if (refusals.length > 0 || fingerprint === undefined) break;
      if (fingerprints.size > 1) {
        refusals = ['the file changes faster than all workers read it'];
        continue;
      }
      await Promise.all(this.#slots.map((slot) => slot.ask('commit', null, commitMs)));
      this.#agreed = fingerprint;
      if (config !== null) this.#log.level = config.log.level;
      return;
    }
    for (const refusal of refusals)
      this.#log.error(
        { component: 'config' },
        `the new configuration is not taken over, by no worker: ${refusal}`,
      );
    await this.#refuse();
  }

  /** A worker that has ended meanwhile is not asked for its word: it reads the file when it is started again. */
  async #prepared(): Promise<readonly { worker: number; answer: Prepared }[]> {
    const heard = await Promise.all(
      this.#slots.map(async (slot) => ({
        worker: slot.worker,
        answer: await slot.ask('prepare', null, prepareMs),
        isThere: slot.isReady(),
      })),
    );
    return heard.flatMap(({ worker, answer, isThere }) => {
      if (answer !== null) return [{ worker, answer }];
      const silent = { kind: 'refused', message: 'gave no answer' } as const;
      return isThere ? [{ worker, answer: silent }] : [];
    });
  }

  async #refuse(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.ask('refuse', null, commitMs)));
  }
}
