/** `npm run bench -- gateway --profile`: where the gateway spends its time, and where it allocates. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayOptions } from './gateway.ts';
import { threadSeconds } from './support/cpu.ts';
import { chatLoad, pacedLoad, streamLoad, warmUp } from './support/loads.ts';
import { readProfile, type Cost } from './support/profile.ts';
import { publish, table } from './support/report.ts';
import type { Done } from './support/slices.ts';
import { setTheStage } from './support/stage.ts';
import { settleMs } from './support/summary-table.ts';
import { threadsSince } from './support/threads.ts';

const events = 50;
const writtenWithinMs = 30_000;

/** Profiles one slice of a warm gateway. Answers the exit code. */
export const profiled = async (
  given: GatewayOptions,
  say: (text: string) => void,
): Promise<number> => {
  const { connections, streams, gap: gapMs } = given;
  const stage = await setTheStage({ events, gapMs, entry: given.entry, profiler: true });
  const chosen = stage.gateways.at(-1);
  const server = stage.streams.at(-1);
  if (chosen === undefined || server === undefined) throw new Error('no gateway was started');
  const { gateway, profilePath } = chosen;
  const load = (seconds = given.seconds): Promise<Done> =>
    given.only === 'streams'
      ? streamLoad(stage.dir, server, { streams, events, gapMs, seconds })
      : chatLoad(stage.dir, server, { provider: 'nginx', connections, seconds });
  const { rate, seconds } = given;
  await warmUp('gateway', given.warm, load, say);
  const threadsBefore = threadSeconds(gateway.pid);
  process.kill(gateway.pid, 'SIGUSR2');
  const done = await (rate > 0
    ? pacedLoad(stage.dir, server, { provider: 'nginx', rate, seconds })
    : load());
  await sleep(settleMs);
  process.kill(gateway.pid, 'SIGUSR2');
  for (let waitedMs = 0; waitedMs < writtenWithinMs && !existsSync(profilePath); waitedMs += 100)
    await sleep(100);
  const threads = threadsSince(threadsBefore, threadSeconds(gateway.pid), done.units);
  const profile = readProfile(profilePath);
  const { allocatedBytes, inspectorShare, ...costs } = profile;
  const lists: Readonly<Record<string, readonly Cost[]>> = costs;
  const text = Object.entries(lists)
    .map(([title, list]) =>
      table([
        [title, 'share'],
        ...list.map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`]),
      ]),
    )
    .concat(
      `${done.units} units, ${done.errors} errors; ${Math.round(allocatedBytes / done.units)} bytes allocated per unit; microseconds per unit by thread, with the profiler's own: ${JSON.stringify(threads)}`,
      `the profiler itself took ${(inspectorShare * 100).toFixed(1)} % of the samples, which the shares leave out`,
    )
    .join('\n\n');
  publish(
    'gateway-profile',
    text,
    { units: done.units, errors: done.errors, threads, ...profile },
    given.json,
  );
  return done.errors === 0 ? 0 : 1;
};
