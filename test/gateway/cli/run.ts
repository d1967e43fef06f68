import { fork, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { compileCache } from '../../fakes/process.ts';

const root = join(import.meta.dirname, '../../..');

/** How a command ended, and what it wrote. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in a directory, in a process of its own. */
export const runProcess = async (
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> => {
  const child = spawn(process.execPath, [join(root, 'gateway/src/cli.ts'), ...args], {
    cwd: directory,
    env: { ...compileCache, ...env },
  });
  const code = new Promise<number | null>((resolve) => void child.on('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, err };
};

/** What the process that stays is asked; it answers with a `Ran`. */
export interface Asked {
  readonly directory: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

let staying: ChildProcess | null = null;
let last: Promise<unknown> = Promise.resolve();

const stayingProcess = (): ChildProcess => {
  if (staying?.connected === true) return staying;
  staying = fork(join(import.meta.dirname, 'command-line-child.ts'), {
    cwd: root,
    env: { ...compileCache },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // It ends with this process, and does not keep it.
  staying.unref();
  staying.channel?.unref();
  return staying;
};

const ask = (asked: Asked): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = stayingProcess();
    child.channel?.ref();
    const ended = (code: number | null): void =>
      reject(new Error(`the command line ended: ${code}`));
    child.once('exit', ended);
    child.once('message', (ran: Ran) => {
      child.off('exit', ended);
      child.channel?.unref();
      resolve(ran);
    });
    child.send(asked);
  });

/**
 * Runs the command line as a process would, in one that stays for the next command: a second or two of loading is most of what a
 * command takes. Commands run one after the other.
 */
export const runTollgate = (
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> => {
  const ran = last.then(() => ask({ directory, args, env }));
  last = ran.catch(() => {});
  return ran;
};
