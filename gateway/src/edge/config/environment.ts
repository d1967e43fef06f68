import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { hostList, ownNames, type OwnNames } from '@tollgate/listener/names.ts';
import { secret, type Secret } from '@tollgate/settings/secret.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';

/** What the gateway takes from its environment, beside credentials and what a configuration file substitutes. */
export interface Environment {
  /** `TOLLGATE_HOST`: the address to listen on. */
  readonly host: string;
  /** What it may be called by; `TOLLGATE_HOSTS` adds names to those that follow from the address. */
  readonly names: OwnNames;
  /** `TOLLGATE_PORT`; 0: any free port. */
  readonly port: number;
  /** `TOLLGATE_DATA_DIR`: spool and control store. */
  readonly dataDir: string;
  /** `TOLLGATE_TAKE_OVER_TIMEOUT_MS`: how long to wait for another gateway to let go of the data directory. */
  readonly takeOverMs: number;
  /** `TOLLGATE_REPLICA`: this gateway's name in the ledger; the host's name by default. */
  readonly replica: string;
  /** `TOLLGATE_CLICKHOUSE_URL`, `_USER`, `_PASSWORD`. */
  readonly clickhouse: { readonly url: string; readonly user: string; readonly password: Secret };
  /** `TOLLGATE_CONFIG`, else `tollgate.yaml` where it exists, else null: the built-in defaults. */
  readonly configPath: string | null;
  /** Everything, for `readConfig`. */
  readonly variables: Variables;
}

export type EnvironmentRead =
  | { readonly kind: 'ok'; readonly environment: Environment }
  | { readonly kind: 'bad'; readonly problems: readonly string[] };

const defaultFile = 'tollgate.yaml';
/** Longer than a gateway takes that was asked to stop: it lets calls end and ships its rows. */
const takeOverMs = 60_000;

/** The environment of this process. Nothing else reads `process.env`. */
export const processVariables = (): Variables => process.env;

/** The configuration file to read in `directory`; null: none, the built-in defaults. */
export const configPath = (variables: Variables, directory: string): string | null => {
  const named = variables['TOLLGATE_CONFIG'] ?? '';
  if (named !== '') return named;
  return existsSync(join(directory, defaultFile)) ? defaultFile : null;
};

/**
 * Reads the variables of the gateway, each with its default. Problems name the variable and what it may be; an empty
 * variable counts as not set.
 */
export const readEnvironment = (variables: Variables, directory: string): EnvironmentRead => {
  const problems: string[] = [];
  const text = (name: string, by: string) =>
    (variables[name] ?? '') === '' ? by : (variables[name] ?? by);
  const port = (name: string, by: number) => {
    const given = text(name, String(by));
    const number = /^[0-9]{1,5}$/.test(given) ? Number(given) : NaN;
    if (number <= 65_535) return number;
    problems.push(
      `${name} must be a port between 0 and 65535 (0: any free one), not '${given.slice(0, 40)}'`,
    );
    return by;
  };
  const waitText = text('TOLLGATE_TAKE_OVER_TIMEOUT_MS', String(takeOverMs));
  if (!/^[0-9]{1,7}$/.test(waitText)) {
    problems.push(
      `TOLLGATE_TAKE_OVER_TIMEOUT_MS must be a number of milliseconds below 10000000, not '${waitText.slice(0, 40)}'`,
    );
  }
  const clickhousePort = port('TOLLGATE_CLICKHOUSE_PORT', 8123);
  const url = text('TOLLGATE_CLICKHOUSE_URL', `http://127.0.0.1:${clickhousePort}`);
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address === null || !['http:', 'https:'].includes(address.protocol)) {
    problems.push('TOLLGATE_CLICKHOUSE_URL must be an address such as http://127.0.0.1:8123');
  } else if (address.username !== '' || address.password !== '') {
    problems.push(
      'TOLLGATE_CLICKHOUSE_URL must not hold a user or password: use TOLLGATE_CLICKHOUSE_USER and TOLLGATE_CLICKHOUSE_PASSWORD',
    );
  }
  const replica = text('TOLLGATE_REPLICA', hostname());
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(replica)) {
    problems.push(
      `TOLLGATE_REPLICA must be a name of letters, digits, dots, dashes and underscores, not '${replica.slice(0, 40)}'`,
    );
  }
  const host = text('TOLLGATE_HOST', '127.0.0.1');
  const hosts = hostList(text('TOLLGATE_HOSTS', ''));
  if ('problem' in hosts) problems.push(`TOLLGATE_HOSTS ${hosts.problem}`);
  const environment: Environment = {
    host,
    names: ownNames(host, 'problem' in hosts ? [] : hosts),
    port: port('TOLLGATE_PORT', 8080),
    dataDir: text('TOLLGATE_DATA_DIR', '.tollgate'),
    takeOverMs: Number(waitText),
    replica,
    clickhouse: {
      url,
      user: text('TOLLGATE_CLICKHOUSE_USER', 'default'),
      password: secret(variables['TOLLGATE_CLICKHOUSE_PASSWORD'] ?? ''),
    },
    configPath: configPath(variables, directory),
    variables,
  };
  return problems.length > 0 ? { kind: 'bad', problems } : { kind: 'ok', environment };
};
