/** The providers of a configuration, ready to be called. Their connections and tokens outlive a reload. */
import { createHash } from 'node:crypto';
import type { Pool } from 'undici';
import type { Config, ProviderConfig } from '../../config/config.ts';
import type { Credentials, Provider, TokenRequest } from '../../providers/provider.ts';
import { providers } from '../../providers/registry.ts';
import { fetchToken, renewed, type CredentialSource, type NoCredential } from './credentials.ts';
import { keeper, type Keeper, type Lease } from './keeper.ts';
import { connectionPool, type PoolSettings } from './pools.ts';
import type { Upstream } from './upstream.ts';

interface TokenSettings {
  readonly provider: string;
  readonly request: TokenRequest;
}

/** What is kept over all configurations of a process. */
export interface Shared {
  readonly pools: Keeper<PoolSettings, Pool>;
  readonly tokens: Keeper<TokenSettings, CredentialSource>;
}

/** One list for all: another one would mean that there is a new token. */
const noTokens: readonly string[] = [];

const fixed = (credentials: Credentials): CredentialSource => ({
  current: () => credentials,
  tokens: () => noTokens,
});

const identityOf = ({ request: { url, body } }: TokenSettings): string =>
  createHash('sha256')
    .update(JSON.stringify([url, body]))
    .digest('hex');

/** Nothing yet. @param onNoCredential told of each failure to get a token */
export const startShared = (
  onNoCredential: (provider: string, error: NoCredential) => void,
): Shared => ({
  pools: keeper(JSON.stringify, connectionPool, (pool) => pool.close()),
  tokens: keeper(
    identityOf,
    ({ provider, request }) =>
      renewed(request, {
        fetch: fetchToken,
        nowMs: () => Date.now(),
        onFailed: (error) => onNoCredential(provider, error),
      }),
    () => Promise.resolve(),
  ),
});

export interface Upstreams {
  readonly all: ReadonlyMap<string, Upstream>;
  /** Gives back what they use. */
  release(): Promise<void>;
}

const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);

const upstreamOf = (
  { name, settings, account, region, timeouts, credentials, maxConnections }: ProviderConfig,
  provider: Provider,
  { pools, tokens }: Shared,
  simulated: string | undefined,
): { readonly upstream: Upstream; readonly leases: readonly Lease<unknown>[] } => {
  const endpoint = provider.configure(
    simulated === undefined ? settings : { ...settings, baseUrl: simulated },
  );
  const { origin } = endpoint;
  const url = new URL(origin);
  const configured = Object.fromEntries(
    [...credentials].map(([field, secret]) => [field, secret.reveal()]),
  );
  const pool = pools.lease({ origin, connectMs: timeouts.connectMs, maxConnections });
  const request = endpoint.token(configured);
  const token = request === null ? null : tokens.lease({ provider: name, request });
  return {
    upstream: {
      name,
      provider,
      genAiProvider: provider.genAiProvider,
      reportsCost: provider.reportsCost,
      endpoint,
      credentials: token?.value ?? fixed(configured),
      account,
      region,
      serverAddress: url.hostname,
      serverPort: portOf(url),
      timeouts,
      pool: pool.value,
    },
    leases: token === null ? [pool] : [pool, token],
  };
};

/**
 * Opens no connection yet.
 * @param origins addresses of providers that this process plays itself, by their `use:`
 */
export const upstreamsOf = (
  config: Config,
  origins: ReadonlyMap<string, string>,
  shared: Shared,
): Upstreams => {
  const made = [...config.providers.values()].map((settings) => {
    const provider = providers.get(settings.use);
    if (provider === undefined) throw new Error(`provider ${settings.name} was not checked`);
    return upstreamOf(settings, provider, shared, origins.get(provider.name));
  });
  return {
    all: new Map(made.map(({ upstream }) => [upstream.name, upstream])),
    async release() {
      await Promise.all(made.flatMap(({ leases }) => leases).map((lease) => lease.release()));
    },
  };
};
