/** `npm start`, from its environment to `ready` and to a clean end. */
import { claimDataDir, claimPorts } from './claim.ts';
import { loadUsers } from './clickhouse/users.ts';
import { loadKey } from './keys.ts';
import { planParts } from './parts.ts';
import type { Part, Plan } from './parts.ts';
import { readSettings } from './settings.ts';
import type { Env, Settings } from './settings.ts';
import { supervise } from './supervisor.ts';
import type { Supervisor } from './supervisor.ts';
import { welcome } from './welcome.ts';
import type { ShownKeys } from './welcome.ts';

export interface StartOptions {
  readonly env: Env;
  /** The checkout. */
  readonly root: string;
  /** For tests: other programs in place of the parts. */
  readonly parts?: (plan: Plan) => readonly Part[];
}

interface Prepared {
  readonly settings: Settings;
  readonly keys: ShownKeys;
  readonly supervisor: Supervisor;
  readonly release: () => void;
}

/** Everything that can be refused before a process is spawned. @throws Error, one line per problem. */
const prepare = async ({ env, root, parts = planParts }: StartOptions): Promise<Prepared> => {
  const read = readSettings(env, root);
  if (read.kind === 'problems') throw new Error(read.problems.join('\n'));
  const { dataDir } = read.settings;
  const release = claimDataDir(dataDir);
  try {
    const settings = { ...read.settings, ports: await claimPorts(read.settings) };
    const keys = {
      master: loadKey('master', env['TOLLGATE_MASTER_KEY'], dataDir),
      demo: loadKey('demo', env['TOLLGATE_DEMO_KEY'], dataDir),
      reader: loadKey('reader', env['TOLLGATE_READER_PASSWORD'], dataDir),
    };
    const planned = parts({
      root,
      env,
      settings,
      users: loadUsers(dataDir, env),
      masterKey: keys.master.text,
      demoKey: keys.demo.text,
    });
    const { startMs, stopMs } = settings;
    const write = (line: string) => void process.stderr.write(`${line}\n`);
    const supervisor = supervise(planned, { startMs, stopMs, write });
    return { settings, keys, supervisor, release };
  } catch (error) {
    release();
    throw error;
  }
};

/**
 * Runs until a signal or a failure. Returns the exit code: 0 after a clean stop, 1 after any problem, which is named on stderr.
 */
export const start = async (options: StartOptions): Promise<number> => {
  const complain = (text: string) => {
    for (const line of text.split('\n')) process.stderr.write(`tollgate: ${line}\n`);
    return 1;
  };
  const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));
  let prepared: Prepared;
  try {
    prepared = await prepare(options);
  } catch (error) {
    return complain(reason(error));
  }
  const { supervisor, settings, keys, release } = prepared;
  let signals = 0;
  const asked = new Promise<'asked' | 'killed'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        signals += 1;
        if (signals === 1) void supervisor.stop().then(() => resolve('asked'));
        else {
          supervisor.kill();
          resolve('killed');
        }
      });
    }
  });
  try {
    const started = await Promise.race([supervisor.start().then(() => 'started' as const), asked]);
    if (started === 'started') process.stdout.write(welcome(settings, keys));
    const end = await Promise.race([asked, supervisor.failed]);
    if (end === 'asked') return 0;
    return complain(end === 'killed' ? 'killed before every part had stopped' : end);
  } catch (error) {
    if (signals > 0) return (await asked) === 'asked' ? 0 : 1;
    return complain(reason(error));
  } finally {
    release();
  }
};
