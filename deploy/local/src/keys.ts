/** Secrets of this installation, each in a file of its own in the data directory's folder `keys`. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** `master`, `demo` and `caller` are keys of the gateway; `writer` and `reader` are passwords of the embedded ClickHouse. */
export type KeyName = 'master' | 'demo' | 'caller' | 'writer' | 'reader';

export interface Key {
  readonly text: string;
  /** `made` just now, so it may be shown this once; `kept` from an earlier start; `given` by the environment. */
  readonly source: 'made' | 'kept' | 'given';
}

/**
 * Where a key is kept. The folder holds nothing else and only its owner may enter it, so that a process can be kept
 * away from all secrets at once.
 */
export const keyFile = (name: KeyName, dataDir: string): string =>
  path.join(dataDir, 'keys', `${name}.key`);

/** Makes the file with its content in one step, so that no kill leaves half a key. False: it exists. */
const makeOnce = (file: string, content: string): boolean => {
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
};

/**
 * A key from the environment, or the one kept in the data directory, made at first start: `tg-<name>-` and 256 random bits.
 * @throws Error when the file cannot be read or is empty.
 */
export const loadKey = (name: KeyName, given: string | undefined, dataDir: string): Key => {
  if (given !== undefined && given !== '') return { text: given, source: 'given' };
  const file = keyFile(name, dataDir);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const made = `tg-${name}-${randomBytes(32).toString('base64url')}`;
  if (makeOnce(file, `${made}\n`)) return { text: made, source: 'made' };
  const text = readFileSync(file, 'utf8').trim();
  if (text === '') throw new Error(`${file} is empty; delete it to have a key made anew`);
  return { text, source: 'kept' };
};
