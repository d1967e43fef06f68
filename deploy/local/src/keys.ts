import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Key {
  readonly text: string;
  /** True: made just now, so it may be shown this once. */
  readonly fresh: boolean;
}

/**
 * A key from the environment, or the one kept in the data directory, made at first start: `tg-<name>-` and 256 random bits.
 * @throws Error when the file cannot be read or is empty.
 */
export const loadKey = (
  name: 'master' | 'demo',
  given: string | undefined,
  dataDir: string,
): Key => {
  if (given !== undefined && given !== '') return { text: given, fresh: false };
  const file = path.join(dataDir, `${name}.key`);
  const made = `tg-${name}-${randomBytes(32).toString('base64url')}`;
  try {
    writeFileSync(file, `${made}\n`, { mode: 0o600, flag: 'wx' });
    return { text: made, fresh: true };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const text = readFileSync(file, 'utf8').trim();
  if (text === '') throw new Error(`${file} is empty; delete it to have a key made anew`);
  return { text, fresh: false };
};
