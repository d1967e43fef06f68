import { pino, type DestinationStream, type Logger } from 'pino';
import { outcomes } from '../../contract/outcomes.ts';
import type { Settlement } from '../../model/settlement.ts';
import { lineOf } from '../../projections/line.ts';

/** Lines gathered before they are written: a system call for each costs more than making it. */
const flushBytes = 8_192;
const flushMs = 200;

/** A stream of blocks. */
export type Blocks = ReturnType<typeof pino.destination>;

/** Stdout, written in blocks, at the latest after `flushMs`, and at exit. */
export const stdoutBlocks = (): Blocks =>
  pino.destination({ dest: 1, sync: false, minLength: flushBytes, periodicFlush: flushMs });

/**
 * What a pipe takes as one piece, whoever else writes there: PIPE_BUF. A block is whole lines, so lines of several processes are
 * whole too, but for one that is longer than this. https://man7.org/linux/man-pages/man7/pipe.7.html
 */
const atomicBytes = 4_096;

/** The same, where other processes write to the same stream. */
export const sharedStdoutBlocks = (): Blocks =>
  pino.destination({
    dest: 1,
    sync: false,
    minLength: atomicBytes - 512,
    maxWrite: atomicBytes,
    periodicFlush: flushMs,
  });

/** Longer than writing a block takes; a reader that does not read is not waited for here. */
const lastFlushMs = 1_000;

/**
 * Writes what was gathered, before a process ends. At its exit the library tries again and again until all is written, which
 * never comes when the reader is gone, as it is after a kill of whoever started us; here it learns that and gives up.
 */
export const flushed = (blocks: Blocks): Promise<void> =>
  new Promise((resolve) => {
    const late = setTimeout(resolve, lastFlushMs);
    blocks.flush(() => {
      clearTimeout(late);
      resolve();
    });
  });

/**
 * Structured lines; time as ISO text, level by name.
 * @param worker who writes, where several do; null: there is one
 */
export const logger = (
  level: string,
  to: DestinationStream,
  worker: number | null = null,
): Logger =>
  pino(
    {
      level,
      base: worker === null ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );

/** Writes each call's line to where the logger writes, unless its outcome's level is below the logger's. */
export const callLog =
  (
    log: Logger,
    to: DestinationStream,
    worker: number | null = null,
  ): ((settlement: Settlement) => void) =>
  (settlement) => {
    if (log.isLevelEnabled(outcomes[settlement.outcome].log))
      to.write(`${lineOf(settlement, Date.now(), worker)}\n`);
  };
