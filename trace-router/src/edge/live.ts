/** The configuration in force, and the file that it came from: what changes there and counts at once is taken over. */
import { problemText } from '@tollgate/settings/document.ts';
import type { Read, Sources } from '@tollgate/settings/edge/read.ts';
import { watchSettings } from '@tollgate/settings/edge/watch.ts';
import { takeOver } from '@tollgate/settings/live.ts';
import type { RouterConfig } from '../config/config.ts';
import { Sections } from '../config/schema.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface Live {
  config(): RouterConfig;
  /** Nothing is taken over any more. */
  close(): Promise<void>;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Follows the file of `config`. `adopt` is told every configuration that is taken over, before anything asks for it. */
export const startLive = (
  started: RouterConfig,
  options: {
    /** What it was read from; null: from no file. */
    readonly sources: Sources | null;
    read(): Promise<Read<RouterConfig>>;
    adopt(config: RouterConfig): void;
    readonly metrics: Metrics;
    readonly log: Log;
  },
): Live => {
  const { sources, metrics, log, adopt } = options;
  let config = started;
  metrics.set('configRestartNeeded', {}, 0);
  for (const result of ['applied', 'restart_needed', 'rejected'])
    metrics.add('configReloads', { result }, 0);

  const reload = (read: RouterConfig): void => {
    const taken = takeOver(Sections, started, read);
    const waiting = [...(same(started.members, read.members) ? [] : ['members']), ...taken.waiting];
    // A rate limit that has not changed remembers what it let pass.
    const { voters } = same(config.sampler.policies, read.sampler.policies) ? config : read;
    config = { ...read, ...taken.inForce, members: started.members, voters };
    adopt(config);
    metrics.set('configRestartNeeded', {}, waiting.length);
    const { hash } = config;
    if (waiting.length === 0) {
      metrics.add('configReloads', { result: 'applied' });
      log('info', 'configuration reloaded', { hash });
      return;
    }
    metrics.add('configReloads', { result: 'restart_needed' });
    log(
      'warn',
      'configuration reloaded, but for settings that count only when the router is started again',
      { hash, restart_needed: waiting },
    );
  };

  const watching =
    sources === null
      ? null
      : watchSettings(
          {
            read: options.read,
            onChange: reload,
            onRejected(problems) {
              metrics.add('configReloads', { result: 'rejected' });
              for (const problem of problems) log('error', problemText(problem));
            },
          },
          sources,
        );
  return {
    config: () => config,
    async close() {
      await watching?.close();
    },
  };
};
