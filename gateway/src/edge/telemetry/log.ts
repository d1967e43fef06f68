import { pino, type DestinationStream, type Logger } from 'pino';
import { outcomes } from '../../contract/outcomes.ts';
import { usdText } from '../../model/money.ts';
import { costOfAttempts, type Settlement } from '../../model/settlement.ts';

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

/** Settlement -> its one log line: ids, caller, model, outcome, tokens' price; never content or credentials. Pure. */
const callLine = (settlement: Settlement, atMs: number): string => {
  const { call, outcome, attempts } = settlement;
  const served = attempts.at(-1);
  const failed = settlement.errorCode !== '';
  // Written here and not by the logger, whose general way takes three times the CPU of this one.
  return JSON.stringify({
    level: outcomes[outcome].log,
    time: new Date(atMs).toISOString(),
    call_id: call.id,
    trace_id: call.trace.traceId,
    span_id: call.trace.spanId,
    outcome,
    status: settlement.httpStatus,
    operation: call.operation,
    team: call.caller?.team,
    app: call.caller?.app,
    model: call.ask?.model,
    provider: served?.target.provider,
    attempts: attempts.length,
    duration_ms: Math.round(settlement.durationMs),
    cost_usd: usdText(costOfAttempts(attempts)),
    error: failed ? settlement.errorCode : undefined,
    origin: failed ? settlement.errorOrigin : undefined,
    reason: failed ? settlement.errorMessage : undefined,
    msg: 'call',
  });
};

/** Writes each call's line to where the logger writes, unless its outcome's level is below the logger's. */
export const callLog =
  (log: Logger, to: DestinationStream): ((settlement: Settlement) => void) =>
  (settlement) => {
    if (log.isLevelEnabled(outcomes[settlement.outcome].log))
      to.write(`${callLine(settlement, Date.now())}\n`);
  };
