/** Refused calls that are written down nowhere: counted one by one, and told of in one line a minute for each code. */
import type { Logger } from 'pino';
import type { Settlement } from '../../model/settlement.ts';
import { countUnwritten } from '../../projections/metrics.ts';
import type { MetricStore } from './store.ts';

const lineMs = 60_000;

export interface LeftOut {
  add(settlement: Settlement): void;
  /** Tells of what has not been told yet. */
  stop(): void;
}

/** Nothing left out yet. */
export const leftOut = (store: MetricStore, log: Logger): LeftOut => {
  /** Since the last lines, by error code: the table of errors bounds them. */
  const calls = new Map<string, number>();
  const tell = (): void => {
    for (const [error, count] of calls)
      log.warn({ error, calls: count }, 'refused calls that were only counted (limits.refusals)');
    calls.clear();
  };
  const timer = setInterval(tell, lineMs);
  timer.unref();
  return {
    add(settlement) {
      countUnwritten(store, settlement);
      calls.set(settlement.errorCode, (calls.get(settlement.errorCode) ?? 0) + 1);
    },
    stop() {
      clearInterval(timer);
      tell();
    },
  };
};
