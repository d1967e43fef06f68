import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClickhouseAddress } from '@tollgate/clickhouse/edge/client.ts';
import { processVariables, readEnvironment } from '../../edge/config/environment.ts';

/** Users of the embedded ClickHouse, and the files of its data directory that hold their passwords. */
const embedded = { read: ['reader', 'reader.key'], write: ['tollgate', 'writer.key'] } as const;

/**
 * Where the ledger is. With nothing said about users: the one of the embedded ClickHouse that may do so much, whose password its
 * data directory holds.
 * @throws Error naming the variables that are wrong
 */
export const ledgerAddress = (to: keyof typeof embedded = 'read'): ClickhouseAddress => {
  const env = processVariables();
  const read = readEnvironment(env, process.cwd());
  if (read.kind === 'bad') throw new Error(read.problems.join('; '));
  const { clickhouse, dataDir } = read.environment;
  const { url, user } = clickhouse;
  const password = clickhouse.password.reveal();
  if (password !== '' || (env['TOLLGATE_CLICKHOUSE_USER'] ?? '') !== '')
    return { url, user, password };
  const [name, file] = embedded[to];
  try {
    const key = readFileSync(join(dataDir, 'keys', file), 'utf8').trim();
    return { url, user: name, password: key };
  } catch {
    return { url, user, password };
  }
};
