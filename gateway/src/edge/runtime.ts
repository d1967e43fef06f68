/** A configuration brought to life: providers with their connections, routes, keys and prices. Swapped as one. */
import type { Config } from '../config/config.ts';
import { identifier } from '../decide/identify.ts';
import { namedModels, type ModelNames } from '../decide/model-labels.ts';
import { planner } from '../decide/plan.ts';
import { scrubber, type Scrub } from '../decide/scrub.ts';
import type { PriceTable } from '../decide/price.ts';
import type { Caller } from '../model/call.ts';
import { providers } from '../providers/registry.ts';
import { connectionPool } from './upstream/pools.ts';
import type { Upstream } from './upstream/upstream.ts';

export interface Runtime {
  readonly config: Config;
  readonly prices: PriceTable;
  readonly identify: ReturnType<typeof identifier>;
  readonly plan: ReturnType<typeof planner>;
  /** The models that the configuration names. */
  readonly named: ModelNames;
  upstream(name: string): Upstream;
  /** Takes the credentials of all providers out of a text. */
  readonly clean: Scrub;
  /** A call begins to use this runtime; run what is returned when it is over. */
  enter(): () => void;
  /** Closes the connections once no call uses them any more. */
  close(): Promise<void>;
}

const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);

const upstreamOf = (
  name: string,
  config: Config,
  origins: ReadonlyMap<string, string>,
): Upstream => {
  const settings = config.providers.get(name);
  const provider = settings === undefined ? undefined : providers.get(settings.use);
  if (settings === undefined || provider === undefined)
    throw new Error(`provider ${name} was not checked`);
  const simulated = origins.get(provider.name);
  const endpoint = provider.configure(
    simulated === undefined ? settings.settings : { ...settings.settings, baseUrl: simulated },
  );
  const url = new URL(endpoint.origin);
  const { timeouts } = settings;
  return {
    name,
    provider,
    endpoint,
    credentials: Object.fromEntries(
      [...settings.credentials].map(([field, secret]) => [field, secret.reveal()]),
    ),
    account: settings.account,
    region: settings.region,
    serverAddress: url.hostname,
    serverPort: portOf(url),
    timeouts,
    pool: connectionPool({
      origin: endpoint.origin,
      connectMs: timeouts.connectMs,
      maxConnections: settings.maxConnections,
    }),
  };
};

/** Who may make calls. The administrator's key opens the control plane and nothing else. */
const callers = ({ keys }: Config): ReadonlyMap<string, Caller> =>
  new Map(keys.flatMap(({ admin, sha256, caller }) => (admin ? [] : [[sha256, caller] as const])));

/**
 * Builds a runtime. Opens no connection yet.
 * @param origins addresses of providers that this process plays itself, by their `use:`
 */
export const startRuntime = (
  config: Config,
  prices: PriceTable,
  origins: ReadonlyMap<string, string>,
): Runtime => {
  const upstreams = new Map(
    [...config.providers.keys()].map((name) => [name, upstreamOf(name, config, origins)]),
  );
  let inUse = 0;
  const idle = Promise.withResolvers<void>();
  let closing = false;
  const leave = (): void => {
    inUse -= 1;
    if (closing && inUse === 0) idle.resolve();
  };
  return {
    config,
    prices,
    identify: identifier(callers(config)),
    plan: planner(config.models),
    named: namedModels(config.models),
    clean: scrubber(
      [...config.providers.values()].flatMap(({ credentials }) =>
        [...credentials.values()].map((secret) => secret.reveal()),
      ),
    ),
    upstream(name) {
      const upstream = upstreams.get(name);
      if (upstream === undefined) throw new Error(`provider ${name} was not checked`);
      return upstream;
    },
    enter() {
      inUse += 1;
      return leave;
    },
    async close() {
      closing = true;
      if (inUse > 0) await idle.promise;
      await Promise.all([...upstreams.values()].map(({ pool }) => pool.close()));
    },
  };
};
