/** Rows that the disk refuses go straight to ClickHouse: it has room when the disk beside the gateway has none. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Shipper } from './shipper.ts';
import type { Spool } from './spool.ts';

export interface Relief {
  /** Sends what is held until nothing is, or the time is up. */
  drain(withinMs: number): Promise<void>;
  stop(): Promise<void>;
}

const everyMs = 1_000;
const rowsAtOnce = 2_000;
const retryMs = 100;

/** Looks once a second whether rows are held. */
export const startRelief = (
  spool: Pick<Spool, 'lend'>,
  shipper: Pick<Shipper, 'sendLines'>,
): Relief => {
  let running: Promise<void> | null = null;

  /** False: nothing is held, or ClickHouse did not take it. */
  const sendSome = async (): Promise<boolean> => {
    const lent = spool.lend(rowsAtOnce);
    if (lent === null) return false;
    if (await shipper.sendLines(lent.lines)) {
      lent.done();
      return true;
    }
    lent.giveBack();
    return false;
  };
  const run = async (): Promise<void> => {
    while (await sendSome());
  };
  const wake = (): Promise<void> =>
    (running ??= run().finally(() => {
      running = null;
    }));
  const timer = setInterval(() => void wake(), everyMs);
  timer.unref();
  return {
    async drain(withinMs) {
      const endsMs = performance.now() + withinMs;
      await wake();
      for (;;) {
        const lent = spool.lend(rowsAtOnce);
        if (lent === null) return;
        lent.giveBack();
        if (performance.now() >= endsMs) return;
        await wake();
        await sleep(retryMs);
      }
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
};
