/** A configuration brought to life: providers with their connections, routes, keys and prices. Swapped as one. */
import type { Config } from '../config/config.ts';
import { identifier } from '../decide/identify.ts';
import { userNames } from '../decide/identity.ts';
import { namedModels, type ModelNames } from '../decide/model-labels.ts';
import { planner } from '../decide/plan.ts';
import { scrubber, type Scrub } from '../decide/scrub.ts';
import type { PriceTable } from '../decide/price.ts';
import { withWrittenUsers } from '../decide/budgets/subject.ts';
import type { Budget } from '../model/budget.ts';
import type { Caller } from '../model/call.ts';
import { issuersOf, type KeySets } from './tokens/issuers.ts';
import { tokenVerifier } from './tokens/verify.ts';
import type { Upstream } from './upstream/upstream.ts';
import { upstreamsOf, type Shared } from './upstream/upstreams.ts';

export interface Runtime {
  readonly config: Config;
  readonly prices: PriceTable;
  readonly identify: ReturnType<typeof identifier>;
  /** How old the keys of each issuer of tokens are; null: there were none yet. */
  keyAges(): readonly { readonly issuer: string; readonly seconds: number | null }[];
  /** How the name of an end user is written down. */
  readonly userName: (name: string) => string;
  /** Of the file and of keys. Names of end users are as they are written down. */
  readonly budgets: readonly Budget[];
  readonly plan: ReturnType<typeof planner>;
  /** The models that the configuration names. */
  readonly named: ModelNames;
  upstream(name: string): Upstream;
  /** Takes the credentials of all providers out of a text. */
  readonly clean: Scrub;
  /** A call begins to use this runtime; run what is returned when it is over. */
  enter(): () => void;
  /** Gives back connections once no call uses them any more; those that another runtime uses stay open. */
  close(): Promise<void>;
}

/** Who may make calls. The administrator's key opens the control plane and nothing else. */
const callers = ({ keys }: Config): ReadonlyMap<string, Caller> =>
  new Map(keys.flatMap(({ admin, sha256, caller }) => (admin ? [] : [[sha256, caller] as const])));

/** Takes out the credentials of the configuration and those that they were exchanged for. */
const cleaner = ({ providers }: Config, upstreams: readonly Upstream[]): Scrub => {
  const configured = [...providers.values()].flatMap(({ credentials }) =>
    [...credentials.values()].map((secret) => secret.reveal()),
  );
  const sources = upstreams.map(({ credentials }) => credentials);
  let known = sources.map((source) => source.tokens());
  let scrub = scrubber([...configured, ...known.flat()]);
  return (text) => {
    if (sources.some((source, i) => source.tokens() !== known[i])) {
      known = sources.map((source) => source.tokens());
      scrub = scrubber([...configured, ...known.flat()]);
    }
    return scrub(text);
  };
};

/**
 * Builds a runtime. Opens no connection yet.
 * @param origins addresses of providers that this process plays itself, by their `use:`
 */
export const startRuntime = (
  config: Config,
  prices: PriceTable,
  {
    origins,
    shared,
    keySets,
    storedCaller,
  }: {
    readonly origins: ReadonlyMap<string, string>;
    readonly shared: Shared;
    /** Keys of issuers, kept over all configurations of a process. */
    readonly keySets: KeySets;
    /** Whose secret it is, of keys that stand in no configuration. */
    storedCaller(secret: string): Caller | null;
  },
): Runtime => {
  const upstreams = upstreamsOf(config, origins, shared);
  const issuers = issuersOf(config, keySets);
  const { trusted } = issuers;
  const userName = userNames(config.userHashKey?.reveal() ?? null);
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
    identify: identifier(
      callers(config),
      storedCaller,
      trusted.length === 0 ? null : tokenVerifier(trusted),
    ),
    keyAges: () =>
      trusted.map(({ issuer, keySet }) => ({ issuer: issuer.name, seconds: keySet.ageSeconds() })),
    userName,
    budgets: withWrittenUsers(config.budgets, userName).concat(
      config.keys.flatMap((key) => key.budgets),
    ),
    plan: planner(config.models),
    named: namedModels(config.models),
    clean: cleaner(config, [...upstreams.all.values()]),
    upstream(name) {
      const upstream = upstreams.all.get(name);
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
      await Promise.all([upstreams.release(), issuers.release()]);
    },
  };
};
