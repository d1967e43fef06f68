/** How the SDKs of each language get here, and how its client is run. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { askInNode } from './node-client.ts';
import type { Language } from './table.ts';
import { width, type Answer, type Client } from './task.ts';

const here = import.meta.dirname;
/** What is installed and compiled; ignored by git. */
const home = path.resolve(here, '../../.sdk');
const venv = path.join(home, 'python');
const goBinary = path.join(home, 'go-client');

/** A client, or why it cannot be had on this machine. */
export type Prepared = Client | { readonly missing: string };

/** Why a command failed, in its last words, or null. */
const failureOf = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string | null => {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: path.join(here, 'go'),
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (error !== undefined) return `${command} is not here`;
  const words = stderr.trim().split('\n').at(-1) ?? '';
  return status === 0 ? null : `${command} ${args.slice(0, 2).join(' ')} failed: ${words}`;
};

const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' &&
  value !== null &&
  ['id', 'text', 'error', 'status', 'requestId'].every((name) => name in value);

const readAnswer = (line: string): Answer => {
  const value: unknown = JSON.parse(line);
  if (!isAnswer(value)) throw new Error(`a client said '${line}', which is no answer`);
  return value;
};

/** A program that reads tasks and prints answers. It throws with the program's own words when that ends badly. */
const program =
  (command: string, ...args: readonly string[]): Client =>
  async (tasks) => {
    const child = spawn(command, [...args, String(width)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = once(child, 'close');
    child.stdin.end(tasks.map((task) => `${JSON.stringify(task)}\n`).join(''));
    const answers: Answer[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      answers.push(readAnswer(line));
    }
    await gone;
    if (child.exitCode !== 0) throw new Error(`${command} ended with ${child.exitCode}`);
    return answers;
  };

const preparePython = (): Prepared => {
  const python = path.join(venv, 'bin/python');
  const missing =
    (existsSync(path.join(venv, 'bin/pip')) ? null : failureOf('python3', ['-m', 'venv', venv])) ??
    failureOf(python, ['-m', 'pip', 'install', '-q', '-r', path.join(here, 'requirements.txt')]);
  return missing === null ? program(python, path.join(here, 'client.py')) : { missing };
};

/** @throws Error when the client itself does not compile. */
const prepareGo = (): Prepared => {
  // No other toolchain than the one that is here, and no C compiler.
  const env = { GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOGC: '400' };
  const missing = failureOf('go', ['mod', 'download'], env);
  if (missing !== null) return { missing };
  // Unoptimised: the SDKs are large, and this takes a third off the time of the first compilation.
  const flags = [
    '-mod=readonly',
    '-buildvcs=false',
    '-p',
    '2',
    '-gcflags=all=-N -l',
    '-ldflags=-s -w',
  ];
  const failure = failureOf('go', ['build', ...flags, '-o', goBinary, '.'], env);
  if (failure !== null) throw new Error(failure);
  return program(goBinary);
};

/** Installs what a language needs, the first time: seconds for Python, minutes for Go. */
export const prepare: Readonly<Record<Language, () => Prepared>> = {
  node: () => askInNode,
  python: preparePython,
  go: prepareGo,
};
