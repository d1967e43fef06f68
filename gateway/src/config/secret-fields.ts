import type { Provider } from '../providers/provider.ts';

/** Fields whose value is a secret: a key's own, the one that end users are hashed with, and whatever a vendor asks for. */
export const secretFields = (vendors: ReadonlyMap<string, Provider>): ReadonlySet<string> =>
  new Set([
    'secret',
    'hashKey',
    ...[...vendors.values()].flatMap(({ credentials }) => credentials.map(({ name }) => name)),
  ]);
