/** The issuers of a configuration with their keys, which outlive a reload: an issuer that is away must not be missed for it. */
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Issuer } from '../../model/issuer.ts';
import { keeper, type Keeper } from '../upstream/keeper.ts';
import { KeySet } from './key-set.ts';
import { readKeys, type KeySource } from './read-keys.ts';
import type { Trusted } from './verify.ts';

export type KeySets = Keeper<KeySource, KeySet>;

export interface KeySetNews {
  refreshed(issuer: string, result: 'changed' | 'unchanged' | 'failed'): void;
  /** Once when keys cannot be had any more. */
  failed(issuer: string, message: string): void;
  /** Once when they can be had again. */
  recovered(issuer: string): void;
}

const start = (source: KeySource, news: KeySetNews): KeySet => {
  let isAway = false;
  const { name } = source;
  return new KeySet(source, {
    read: readKeys,
    nowMs: () => performance.now(),
    later(run, afterMs) {
      const timer = setTimeout(run, afterMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
    onRefreshed(result) {
      news.refreshed(name, result);
      if (isAway) news.recovered(name);
      isAway = false;
    },
    onFailed({ message }) {
      news.refreshed(name, 'failed');
      if (!isAway) news.failed(name, message);
      isAway = true;
    },
  });
};

/** None yet. */
export const startKeySets = (news: KeySetNews): KeySets =>
  keeper(
    (source) => JSON.stringify(source),
    (source) => start(source, news),
    (keySet) => Promise.resolve(keySet.close()),
  );

/** A file's path is relative to the configuration that names it. */
const sourceOf = ({ name, issuer, keysFrom }: Issuer, { source }: Config): KeySource => ({
  name,
  issuer,
  keysFrom:
    keysFrom.kind === 'file'
      ? { kind: 'file', path: resolve(dirname(source), keysFrom.path) }
      : keysFrom,
});

export interface Issuers {
  readonly trusted: readonly (Trusted & { readonly keySet: KeySet })[];
  /** Gives back their keys. */
  release(): Promise<void>;
}

/** The keys of all issuers begin to be fetched, unless another configuration has them already. */
export const issuersOf = (config: Config, keySets: KeySets): Issuers => {
  const leased = config.issuers.map((issuer) => ({
    issuer,
    lease: keySets.lease(sourceOf(issuer, config)),
  }));
  return {
    trusted: leased.map(({ issuer, lease }) => ({ issuer, keySet: lease.value })),
    async release() {
      await Promise.all(leased.map(({ lease }) => lease.release()));
    },
  };
};
