/** `npm start`, from its environment to `ready` and to a clean end. */
import { credentialVariables } from '../../../gateway/src/contract/credentials.ts';
import { claimDataDir, claimPorts } from './claim.ts';
import type { Claim } from './claim.ts';
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
  readonly claim: Claim;
}

/** Everything that can be refused before a process is spawned. @throws Error, one line per problem. */
const prepare = async ({ env, root, parts = planParts }: StartOptions): Promise<Prepared> => {
  const read = readSettings(env, root);
  if (read.kind === 'problems') throw new Error(read.problems.join('\n'));
  const { dataDir, takeOverMs, startMs, stopMs } = read.settings;
  const write = (line: string) => void process.stderr.write(`${line}\n`);
  const claim = await claimDataDir(dataDir, { waitMs: takeOverMs, say: write });
  try {
    const settings = { ...read.settings, ports: await claimPorts(read.settings) };
    const paid = credentialVariables.some((name) => (env[name] ?? '') !== '');
    const keys = {
      master: loadKey('master', env['TOLLGATE_MASTER_KEY'], dataDir),
      demo: loadKey('demo', env['TOLLGATE_DEMO_KEY'], dataDir),
      // Made when it is first of use: it may call every model of whoever has an account here.
      caller: paid ? loadKey('caller', env['TOLLGATE_CALLER_KEY'], dataDir) : null,
      reader: loadKey('reader', env['TOLLGATE_READER_PASSWORD'], dataDir),
    };
    const planned = parts({
      root,
      env,
      settings,
      users: loadUsers(dataDir, env),
      masterKey: keys.master.text,
      demoKey: keys.demo.text,
      callerKey: keys.caller?.text ?? null,
    });
    const onStop = claim.announceStop;
    const supervisor = supervise(planned, { startMs, stopMs, write, onStop });
    return { settings, keys, supervisor, claim };
  } catch (error) {
    claim.release();
    throw error;
  }
};

/**
 * Runs until a signal, or until a part cannot start at all; once every part was ready, a crash of one ends nothing.
 * Returns the exit code: 0 after a clean stop, 1 after any problem, which is named on stderr.
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
  const { supervisor, settings, keys, claim } = prepared;
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
    return (await asked) === 'asked' ? 0 : complain('killed before every part had stopped');
  } catch (error) {
    if (signals > 0) return (await asked) === 'asked' ? 0 : 1;
    return complain(reason(error));
  } finally {
    claim.release();
  }
};
