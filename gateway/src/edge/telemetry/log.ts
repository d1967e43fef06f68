import { pino, type DestinationStream, type Logger } from 'pino';
import { outcomes } from '../../contract/outcomes.ts';
import type { Settlement } from '../../model/settlement.ts';
import { lineOf } from '../../projections/line.ts';

/** Lines gathered before they are written: a system call for each costs more than making it. */
const flushBytes = 8_192;
const flushMs = 200;

/** Stdout, written in blocks, at the latest after `flushMs`, and at exit. */
export const stdoutBlocks = (): DestinationStream =>
  pino.destination({ dest: 1, sync: false, minLength: flushBytes, periodicFlush: flushMs });

/** Structured lines; time as ISO text, level by name. */
export const logger = (level: string, to: DestinationStream): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );

/** Writes each call's line to where the logger writes, unless its outcome's level is below the logger's. */
export const callLog =
  (log: Logger, to: DestinationStream): ((settlement: Settlement) => void) =>
  (settlement) => {
    if (log.isLevelEnabled(outcomes[settlement.outcome].log))
      to.write(`${lineOf(settlement, Date.now())}\n`);
  };
