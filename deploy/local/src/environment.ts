/**
 * What of the environment of `npm start` reaches which part. A process's environment can be read by every process of its
 * user (`/proc/PID/environ`), so it holds only what Node, libuv and the C library need before our code runs; all else is
 * handed over by pipe (`hand-over.ts`).
 */
import { plainVariables } from '../../../gateway/src/contract/environment.ts';
import type { Env } from './settings.ts';

/** The descriptor on which a part reads its hand-over, once. */
export const handOverFd = 3;

export interface HandOver {
  /** A file that the part locks as long as it lives, so that a later start knows that it does. */
  readonly lock: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** What each part is documented to read, beside what the plan gives to all of them. */
const documented = {
  clickhouse: /^TOLLGATE_(?:HOSTS|CLICKHOUSE_(?:MAX|MIN)_\w+|CLICKHOUSE_DRAIN_MS)$/,
  'trace-router': /^TOLLGATE_(?:HOSTS|ROUTER_CONFIG)$/,
  // A configuration file may name any variable, and another one after its next reload; only the gateway reads it.
  gateway: /^(?!(?:TOLLGATE_READER_PASSWORD|TOLLGATE_BOOT_FD)$)/,
} as const;

export type PartName = keyof typeof documented;
export const partNames = ['clickhouse', 'trace-router', 'gateway'] as const;

type Variables = Readonly<Record<string, string>>;

const pick = (env: Env, wanted: (name: string) => boolean): Variables =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, text]) =>
      text !== undefined && wanted(name) ? [[name, text] as const] : [],
    ),
  );

/** What every part's process shows. */
export const plainEnvironment = (env: Env): Variables =>
  pick(env, (name) => plainVariables.has(name));

/** What one part is handed of the user's own variables. */
export const documentedVariables = (part: PartName, env: Env): Variables =>
  pick(env, (name) => !plainVariables.has(name) && documented[part].test(name));
