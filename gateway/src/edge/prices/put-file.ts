import { randomBytes } from 'node:crypto';
import { open, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Where a link leads; a file that is not there yet is itself. */
const target = (path: string): Promise<string> =>
  realpath(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return path;
    throw error;
  });

/**
 * Puts a text where `path` says, in one step: whoever reads sees the old file or the new one, whole, after a power cut too.
 * @throws the file system's error; the old file is then as it was.
 */
export const putFile = async (path: string, text: string): Promise<void> => {
  const place = await target(path);
  const folder = dirname(place);
  // In the same folder, for only there a rename is one step.
  const made = join(folder, `.${basename(place)}.${randomBytes(6).toString('hex')}.new`);
  const file = await open(made, 'wx', 0o644);
  try {
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(made, place);
  } catch (error) {
    await unlink(made).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
};
