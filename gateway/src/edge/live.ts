/** The configuration in force, brought to life, and its successors: each is swapped in as a whole or not at all. */
import type { Logger } from 'pino';
import { freeze } from '@tollgate/settings/checked.ts';
import { problemText } from '@tollgate/settings/document.ts';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import { watchSettings, type Watching } from '@tollgate/settings/edge/watch.ts';
import { takeOver } from '@tollgate/settings/live.ts';
import type { Config } from '../config/config.ts';
import { shareOf } from '../config/share.ts';
import { Sections } from '../config/sections.ts';
import type { Caller } from '../model/call.ts';
import { newestDay } from '../prices/catalogue.ts';
import { readConfig, type ConfigSource } from './config/read.ts';
import { startDemo, type Demo } from './demo/server.ts';
import { catalogueOf, compilePrices } from './prices/catalog.ts';
import { startRuntime, type Runtime } from './runtime.ts';
import { startKeySets, type KeySetNews } from './tokens/issuers.ts';
import { startShared } from './upstream/upstreams.ts';
import type { MetricStore } from './telemetry/store.ts';
import type { Prepared } from './workers/messages.ts';
import { zero } from './telemetry/zero.ts';

export interface Live {
  /** The one that new calls use. */
  runtime(): Runtime;
  /** What the file says of settings that count at start, and is not in force: their names. */
  restartNeeded(): readonly string[];
  /**
   * Reads the files anew and brings what they say to life, without swapping it in: several processes do so together. What was
   * brought to life before and not swapped in is given up.
   */
  prepare(): Promise<Prepared>;
  /** Swaps in what was prepared last. */
  commit(): void;
  /** Counts a refusal, and gives up what was prepared. */
  refuse(): void;
  /** `adopt` is told every configuration that is swapped in from now on. */
  follow(adopt: (config: Config) => void): void;
  /** Brings into the store what changes by itself, such as the age of the prices; called before it is shown. */
  gauge(): void;
  /** Nothing is swapped in any more. */
  freeze(): Promise<void>;
  /** Closes the connections to providers once no call uses them. */
  close(): Promise<void>;
}

/** What a reload came to; `waiting`: what of it counts only when the gateway is started again. */
const tellReload = (
  { hash }: Config,
  waiting: readonly string[],
  { store, log }: { readonly store: MetricStore; readonly log: Logger },
): void => {
  store.set('configRestartNeeded', {}, waiting.length);
  if (waiting.length === 0) {
    store.add('configReloads', { result: 'applied' }, 1);
    log.info({ hash }, 'configuration reloaded');
    return;
  }
  store.add('configReloads', { result: 'restart_needed' }, 1);
  log.warn(
    { component: 'config', hash, restart_needed: waiting },
    'configuration reloaded, but for settings that count only when the gateway is started again',
  );
};

/** A configuration that was brought to life and is not in force yet. */
interface Next {
  readonly runtime: Runtime;
  /** What of it counts only when the gateway is started again. */
  readonly waiting: readonly string[];
}

/** Says which configuration and prices are in force from now on. */
const showRuntime = (store: MetricStore, { config, prices }: Runtime): void => {
  store.clear('config');
  store.set('config', { hash: config.hash }, 1);
  store.clear('priceCatalog');
  store.clear('priceCatalogAge');
  store.clear('issuerKeysAge');
  store.set('priceCatalog', { version: prices.version }, 1);
  zero(store, config);
};

/** How old the prices are that new calls are priced by. */
const gaugeAge = (store: MetricStore, { config, prices }: Runtime): void => {
  const sinceMs = Date.now() - Date.parse(newestDay(catalogueOf(config)));
  store.set('priceCatalogAge', { version: prices.version }, Math.max(0, sinceMs / 1000));
};

/** How old the keys of issuers are, of those that had any. */
const gaugeKeys = (store: MetricStore, runtime: Runtime): void => {
  for (const { issuer, seconds } of runtime.keyAges())
    if (seconds !== null) store.set('issuerKeysAge', { issuer }, seconds);
};

const keyNews = ({ store, log }: Pick<LiveOptions, 'store' | 'log'>): KeySetNews => ({
  refreshed: (issuer, result) => store.add('issuerRefreshes', { issuer, result }, 1),
  failed: (issuer, message) =>
    log.error(
      { component: 'tokens', issuer },
      `${message}; keys that were had before serve on, and it is tried again`,
    ),
  recovered: (issuer) => log.info({ component: 'tokens', issuer }, 'the keys could be had again'),
});

/** What brings configurations to life; they share connections, tokens and the simulated model. */
const enlivener = ({ workers, store, log, storedCaller }: LiveOptions) => {
  const origins = new Map<string, string>();
  let demo: Demo | null = null;
  const shared = startShared((provider, { message }) =>
    log.error({ component: 'credentials', provider }, message),
  );
  const keySets = startKeySets(keyNews({ store, log }));
  return {
    async enliven(whole: Config): Promise<Runtime> {
      const config = shareOf(whole, workers);
      for (const { use, isSimulated } of config.providers.values()) {
        if (!isSimulated) continue;
        // The simulated model runs from when a configuration first names it.
        demo ??= await startDemo({});
        origins.set(use, demo.origin);
      }
      const shares = { origins, shared, keySets, storedCaller };
      return startRuntime(config, compilePrices(config), shares);
    },
    close: async () => demo?.close(),
  };
};

export interface LiveOptions {
  readonly config: Config;
  readonly source: ConfigSource;
  /** What the first configuration was read from. */
  readonly sources: Sources;
  /** So many processes share what the configuration says; several of them are told when to read it anew. */
  readonly workers: number;
  /** Whose secret it is, of keys that stand in no configuration. */
  storedCaller(secret: string): Caller | null;
  readonly store: MetricStore;
  readonly log: Logger;
}

/** Brings a configuration to life, and follows its file where there is one. Throws when the first one does not start. */
export const startLive = async (options: LiveOptions): Promise<Live> => {
  const life = enlivener(options);
  return new RunningLive(options, life, await life.enliven(options.config));
};

class RunningLive implements Live {
  readonly #options: LiveOptions;
  readonly #life: ReturnType<typeof enlivener>;
  readonly #followers: ((config: Config) => void)[] = [];
  readonly #watching: Watching | null;
  #runtime: Runtime;
  #next: Next | null = null;
  #restartNeeded: readonly string[] = [];
  #reloading = Promise.resolve();

  constructor(options: LiveOptions, life: ReturnType<typeof enlivener>, runtime: Runtime) {
    this.#options = options;
    this.#life = life;
    this.#runtime = runtime;
    showRuntime(options.store, runtime);
    options.store.set('configRestartNeeded', {}, 0);
    this.#watching = options.workers > 1 ? null : this.#watch();
  }

  runtime(): Runtime {
    return this.#runtime;
  }

  restartNeeded(): readonly string[] {
    return this.#restartNeeded;
  }

  follow(adopt: (config: Config) => void): void {
    this.#followers.push(adopt);
  }

  gauge(): void {
    gaugeAge(this.#options.store, this.#runtime);
    gaugeKeys(this.#options.store, this.#runtime);
  }

  async prepare(): Promise<Prepared> {
    const read = await readConfig(this.#options.source);
    const problem =
      read.kind === 'ok'
        ? await this.#enliven(read.config)
        : read.problems.map(problemText).join('; ');
    return problem === null
      ? { kind: 'prepared', fingerprint: read.sources.fingerprint }
      : { kind: 'refused', message: problem };
  }

  commit(): void {
    const next = this.#next;
    if (next === null) return;
    const { store, log } = this.#options;
    const old = this.#runtime;
    [this.#runtime, this.#next, this.#restartNeeded] = [next.runtime, null, next.waiting];
    const { config } = next.runtime;
    showRuntime(store, next.runtime);
    for (const adopt of this.#followers) adopt(config);
    log.level = config.log.level;
    tellReload(config, next.waiting, { store, log });
    void old.close();
  }

  refuse(): void {
    this.#giveUp();
    this.#options.store.add('configReloads', { result: 'rejected' }, 1);
  }

  async freeze(): Promise<void> {
    await this.#watching?.close();
    await this.#reloading;
    this.#giveUp();
  }

  async close(): Promise<void> {
    await this.#runtime.close();
    await this.#life.close();
  }

  #watch(): Watching | null {
    const { source, sources, store, log } = this.#options;
    if (source.path === null) return null;
    return watchSettings(
      {
        read: () => readConfig(source),
        onChange: (config) => {
          this.#reloading = this.#reloading.then(() => this.#reload(config));
        },
        onRejected(problems) {
          store.add('configReloads', { result: 'rejected' }, 1);
          for (const problem of problems) log.error({ component: 'config' }, problemText(problem));
        },
      },
      sources,
    );
  }

  async #reload(read: Config): Promise<void> {
    if ((await this.#enliven(read)) === null) this.commit();
    else this.refuse();
  }

  /** What is wrong; null: it waits to be swapped in. What cannot be brought to life is refused like what cannot be read. */
  async #enliven(read: Config): Promise<string | null> {
    this.#giveUp();
    const { inForce, waiting } = takeOver(Sections, this.#options.config, read);
    try {
      const config = freeze({ ...read, ...inForce });
      this.#next = { runtime: await this.#life.enliven(config), waiting };
      return null;
    } catch (error) {
      this.#options.log.error(
        { component: 'config', err: error },
        'the new configuration does not start',
      );
      return `it does not start: ${String(error)}`;
    }
  }

  #giveUp(): void {
    void this.#next?.runtime.close();
    this.#next = null;
  }
}
