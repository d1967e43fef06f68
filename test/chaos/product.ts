/** `npm start` as a user runs it, and the processes it consists of. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../fakes/ports.ts';

const root = path.resolve(import.meta.dirname, '../..');

export const addresses = {
  gateway: 'TOLLGATE_PORT',
  clickhouse: 'TOLLGATE_CLICKHOUSE_PORT',
  otlpGrpc: 'TOLLGATE_OTLP_GRPC_PORT',
  otlpHttp: 'TOLLGATE_OTLP_HTTP_PORT',
  router: 'TOLLGATE_ROUTER_ADMIN_PORT',
} as const;
export type Address = keyof typeof addresses;
export type Ports = Readonly<Record<Address, number>>;

/** Ports that every start of the test uses: a start has to wait for those of the one before. */
export const choosePorts = async (): Promise<Ports> => ({
  gateway: await freePort(),
  clickhouse: await freePort(),
  otlpGrpc: await freePort(),
  otlpHttp: await freePort(),
  router: await freePort(),
});

/** What a process of the product does. `npm` is everything between the shell and `boot.mjs`. */
export const everyRole = [
  'npm',
  'boot',
  'starter',
  'front',
  'engine',
  'router',
  'gateway',
] as const;
export type Role = (typeof everyRole)[number];

export interface Running {
  readonly pid: number;
  /** When it began, as the kernel counts: a later process with this number is another one. */
  readonly began: string;
  readonly role: Role;
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It ended while we looked.
    return '';
  }
};

const beganAt = (pid: number): string => {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? '' : (fields[19] ?? '');
};
export const alive = ({ pid, began }: Running): boolean => beganAt(pid) === began;

const roles: readonly (readonly [Role, string])[] = [
  ['starter', 'deploy/local/src/main.ts'],
  ['front', 'src/clickhouse/main.ts'],
  ['engine', 'src/clickhouse/engine-main.ts'],
  ['router', 'trace-router/src/main.ts'],
  ['gateway', 'gateway/src/main.ts'],
  ['boot', 'boot.mjs'],
];

/** A process and all below it, the highest first. */
const family = (pid: number): readonly Running[] => {
  // Not the shell that npm runs, whose command is one argument.
  const [, ...command] = read(`/proc/${pid}/cmdline`).split('\0');
  const role = roles.find(([, file]) => command.some((one) => one.endsWith(file)))?.[0] ?? 'npm';
  const began = beganAt(pid);
  if (began === '') return [];
  const children = read(`/proc/${pid}/task/${pid}/children`).trim();
  const below = children === '' ? [] : children.split(' ').map(Number);
  return [{ pid, began, role }, ...below.flatMap(family)];
};

export interface Product {
  /** Resolves when `ready` was printed. @throws Error with what it said, when it ends or takes too long before that. */
  readonly ready: () => Promise<void>;
  readonly processes: () => readonly Running[];
  readonly said: () => string;
  /** SIGTERM to `boot.mjs`; the exit code. */
  readonly stop: () => Promise<number | null>;
}

/** How long a start may take on a machine that does other things too. No measurement. */
const generousMs = 240_000;
const keptChars = 200_000;

export const startProduct = (env: Readonly<Record<string, string>>): Product => {
  const child = spawn('npm', ['start', '--silent'], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err = (said.err + text).slice(-keptChars);
  });
  let over = false;
  const ended = once(child, 'close').then(() => {
    over = true;
    return child.exitCode;
  });
  const processes = () => family(child.pid ?? 0);
  return {
    processes,
    said: () => said.out + said.err,
    async ready() {
      const untilMs = performance.now() + generousMs;
      while (!said.out.endsWith('\nready\n')) {
        if (over || performance.now() > untilMs)
          throw new Error(
            `the product did not get ready (${over ? 'ended' : 'late'}):\n${said.out}${said.err}`,
          );
        await sleep(20);
      }
    },
    async stop() {
      const boot = processes().find(({ role }) => role === 'boot');
      if (boot !== undefined) process.kill(boot.pid, 'SIGTERM');
      return ended;
    },
  };
};
