import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { compileCache } from '../../fakes/process.ts';

const root = join(import.meta.dirname, '../../..');

/** Runs the command line in a directory; its code, and what it wrote. */
export const runTollgate = async (
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) => {
  const child = spawn(process.execPath, [join(root, 'gateway/src/cli.ts'), ...args], {
    cwd: directory,
    env: { ...compileCache, ...env },
  });
  const code = new Promise<number | null>((resolve) => void child.on('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, err };
};
