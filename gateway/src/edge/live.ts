/** The configuration in force, brought to life, and its successors: each is swapped in as a whole or not at all. */
import type { Logger } from 'pino';
import { freeze } from '@tollgate/settings/checked.ts';
import { problemText } from '@tollgate/settings/document.ts';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import { watchSettings } from '@tollgate/settings/edge/watch.ts';
import { takeOver } from '@tollgate/settings/live.ts';
import type { Config } from '../config/config.ts';
import { Sections } from '../config/sections.ts';
import { readConfig, type ConfigSource } from './config/read.ts';
import { startDemo, type Demo } from './demo/server.ts';
import { compilePrices } from './prices/catalog.ts';
import { startRuntime, type Runtime } from './runtime.ts';
import { startShared } from './upstream/upstreams.ts';
import type { MetricStore } from './telemetry/store.ts';
import { zero } from './telemetry/zero.ts';

export interface Live {
  /** The one that new calls use. */
  runtime(): Runtime;
  /** What the file says of settings that count at start, and is not in force: their names. */
  restartNeeded(): readonly string[];
  /** `adopt` is told every configuration that is swapped in from now on. */
  follow(adopt: (config: Config) => void): void;
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

/** Brings a configuration to life, and follows its file where there is one. Throws when the first one does not start. */
export const startLive = async (options: {
  readonly config: Config;
  readonly source: ConfigSource;
  /** What the first configuration was read from. */
  readonly sources: Sources;
  readonly store: MetricStore;
  readonly log: Logger;
}): Promise<Live> => {
  const { source, sources, store, log } = options;
  const origins = new Map<string, string>();
  let demo: Demo | null = null;
  const shared = startShared((provider, { message }) =>
    log.error({ component: 'credentials', provider }, message),
  );

  const enliven = async (config: Config): Promise<Runtime> => {
    // The simulated provider runs from when a configuration first names it.
    if (demo === null && [...config.providers.values()].some(({ use }) => use === 'demo')) {
      demo = await startDemo({});
      origins.set('demo', demo.origin);
    }
    const prices = compilePrices(config);
    const alive = startRuntime(config, prices, { origins, shared });
    store.clear('config');
    store.set('config', { hash: config.hash }, 1);
    store.clear('priceCatalog');
    store.set('priceCatalog', { version: prices.version }, 1);
    zero(store, config);
    return alive;
  };
  const started = options.config;
  let runtime = await enliven(started);
  const followers: ((config: Config) => void)[] = [];
  let restartNeeded: readonly string[] = [];
  store.set('configRestartNeeded', {}, 0);

  /** What cannot be brought to life is refused like what cannot be read. */
  const reload = async (read: Config): Promise<void> => {
    const { inForce, waiting } = takeOver(Sections, started, read);
    const config = freeze({ ...read, ...inForce });
    try {
      const next = await enliven(config);
      const old = runtime;
      runtime = next;
      for (const adopt of followers) adopt(config);
      restartNeeded = waiting;
      log.level = config.log.level;
      tellReload(config, waiting, { store, log });
      void old.close();
    } catch (error) {
      store.add('configReloads', { result: 'rejected' }, 1);
      log.error({ component: 'config', err: error }, 'the new configuration does not start');
    }
  };
  let reloading = Promise.resolve();
  const watching =
    source.path === null
      ? null
      : watchSettings(
          {
            read: () => readConfig(source),
            onChange(config) {
              reloading = reloading.then(() => reload(config));
            },
            onRejected(problems) {
              store.add('configReloads', { result: 'rejected' }, 1);
              for (const problem of problems)
                log.error({ component: 'config' }, problemText(problem));
            },
          },
          sources,
        );

  return {
    runtime: () => runtime,
    restartNeeded: () => restartNeeded,
    follow: (adopt) => void followers.push(adopt),
    async freeze() {
      await watching?.close();
      await reloading;
    },
    async close() {
      await runtime.close();
      await demo?.close();
    },
  };
};
