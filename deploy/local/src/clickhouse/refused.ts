/** Says how many requests the guard refused: this server has no metrics of its own. */
import type { Foreign } from '@tollgate/listener/foreign.ts';

const atMostEveryMs = 60_000;

/** Counts refusals by reason since the start; writes the counts with the first one, and then once a minute at most. */
export const refusedLog = (write: (line: string) => void, nowMs: () => number) => {
  const counts: Record<Foreign, number> = { malformed: 0, host: 0, origin: 0, site: 0 };
  let saidMs = -Infinity;
  return (reason: Foreign): void => {
    counts[reason] += 1;
    const at = nowMs();
    if (at - saidMs < atMostEveryMs) return;
    saidMs = at;
    const { malformed, host, origin, site } = counts;
    write(
      `refused since the start: ${host} requests under a name that is none of this server (TOLLGATE_HOSTS), ` +
        `${origin + site} from web pages of elsewhere, ${malformed} that are not valid HTTP/1.1`,
    );
  };
};
