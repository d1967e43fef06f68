/** The whole product as `npm start` runs it, and all of its processes. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { benchKey, writeConfiguration } from './gateway-process.ts';
import { freePort } from './ports.ts';
import { startPart } from './processes.ts';
import type { Server } from './stage.ts';
import type { Provider } from './wire.ts';

const entry = fileURLToPath(new URL('../../../deploy/local/src/main.ts', import.meta.url));
const startWithinMs = 120_000;

/** The parent of each process of the machine. */
const parents = (): ReadonlyMap<number, number> =>
  new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const text = readFileSync(`/proc/${name}/stat`, 'utf8');
          const [, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
          return [[Number(name), Number(parent)] as const];
        } catch {
          return []; // it has ended
        }
      }),
  );

/** A process and all that it started. */
const familyOf = (root: number): readonly number[] => {
  const known = parents();
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isOurs(known.get(pid)));
  return [...known.keys()].filter(isOurs);
};

/** What a process is, from its command line: the last file of ours that it names, else its program. */
export const roleOf = (pid: number): string => {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const file = words.findLast((word) => word.endsWith('.ts'));
  return file === undefined
    ? (words[0]?.split('/').at(-1) ?? '')
    : file
        .split('/')
        .slice(-3)
        .filter((word) => word !== 'src')
        .join('/');
};

/** Starts the product on free ports with a data directory of its own. Throws with its own words when it does not start. */
export const startProduct = async (options: {
  readonly dir: string;
  readonly providers: Readonly<Record<Provider, number>>;
  readonly core: number;
}): Promise<Server> => {
  const dir = join(options.dir, 'product');
  mkdirSync(dir, { recursive: true });
  const logPath = join(dir, 'product.log');
  const port = await freePort();
  const part = startPart({
    command: process.execPath,
    args: [entry],
    core: options.core,
    logPath,
    env: {
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CONFIG: writeConfiguration(dir, options.providers),
      TOLLGATE_PORT: String(port),
      TOLLGATE_CLICKHOUSE_PORT: '0',
      TOLLGATE_OTLP_GRPC_PORT: '0',
      TOLLGATE_OTLP_HTTP_PORT: '0',
      TOLLGATE_ROUTER_ADMIN_PORT: '0',
    },
  });
  const said = (): string => readFileSync(logPath, 'utf8');
  for (let waitedMs = 0; !/^ready$/m.test(said()); waitedMs += 100) {
    if (!part.isRunning() || waitedMs > startWithinMs)
      throw new Error(`npm start did not get ready: ${said().slice(-2000)}`);
    await sleep(100);
  }
  return { name: 'product', pids: () => familyOf(part.pid), port, key: benchKey };
};
