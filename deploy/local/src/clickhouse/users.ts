/** Who may talk to the embedded server. Two named users with passwords, and `default`, who may only read, from this machine. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { refusal } from './errors.ts';

export interface User {
  readonly name: string;
  /** Empty: no password, and only for requests from this machine to a name of this machine. */
  readonly password: string;
  readonly role: 'writer' | 'reader';
}

type Env = Readonly<Record<string, string | undefined>>;

const isPasswords = (
  value: unknown,
): value is { readonly writer: string; readonly reader: string } =>
  typeof value === 'object' &&
  value !== null &&
  'writer' in value &&
  'reader' in value &&
  typeof value.writer === 'string' &&
  typeof value.reader === 'string';

/** The passwords made at first start, kept with mode 0600. A second caller at the same moment reads the first one's. */
const keptPasswords = (dataDir: string): { readonly writer: string; readonly reader: string } => {
  const file = path.join(dataDir, 'clickhouse-passwords.json');
  const make = () => randomBytes(24).toString('base64url');
  try {
    const fresh = JSON.stringify({ writer: make(), reader: make() });
    writeFileSync(file, `${fresh}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (isPasswords(kept)) return kept;
  throw new Error(
    `${file} must hold {"writer": "...", "reader": "..."}; delete it to have it made anew`,
  );
};

/**
 * The users of a data directory: `TOLLGATE_CLICKHOUSE_USER` and `_PASSWORD` (default `tollgate` and a generated password) write,
 * `TOLLGATE_CLICKHOUSE_READER_USER` and `_PASSWORD` (default `grafana`) read.
 * @throws Error when the directory or the file cannot be used.
 */
export const loadUsers = (dataDir: string, env: Env): readonly [writer: User, ...User[]] => {
  const [writerPassword, readerPassword] = [
    env['TOLLGATE_CLICKHOUSE_PASSWORD'],
    env['TOLLGATE_CLICKHOUSE_READER_PASSWORD'],
  ];
  const kept =
    writerPassword && readerPassword
      ? { writer: writerPassword, reader: readerPassword }
      : keptPasswords(dataDir);
  return [
    {
      name: env['TOLLGATE_CLICKHOUSE_USER'] || 'tollgate',
      password: writerPassword || kept.writer,
      role: 'writer',
    },
    {
      name: env['TOLLGATE_CLICKHOUSE_READER_USER'] || 'grafana',
      password: readerPassword || kept.reader,
      role: 'reader',
    },
    { name: 'default', password: '', role: 'reader' },
  ];
};

const hash = (text: string) => createHash('sha256').update(text).digest();
const loopback = /^(?:::ffff:)?127\.|^::1$/;
const localName = /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/i;

/** Where a request comes from and which name it was sent to. */
export interface Origin {
  readonly peer: string;
  readonly host: string;
}

/**
 * Finds the user. A user without a password is served from this machine only, and only under a name of this machine: a web page that
 * points its own name here (DNS rebinding) carries that name in `Host`.
 * @throws Refusal 516, with one text for an unknown name and a wrong password.
 */
export const authenticate = (
  users: readonly User[],
  { user: name, password }: { readonly user: string; readonly password: string },
  { peer, host }: Origin,
): User => {
  const user = users.find((one) => one.name === name);
  const same = timingSafeEqual(hash(user?.password ?? ''), hash(password));
  const near = user?.password !== '' || (loopback.test(peer) && localName.test(host));
  if (user !== undefined && same && near) return user;
  throw refusal(
    'AUTHENTICATION_FAILED',
    `${name}: Authentication failed: password is incorrect, or there is no user with such name.`,
  );
};
