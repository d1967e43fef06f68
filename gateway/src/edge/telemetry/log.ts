import { pino, type DestinationStream, type Logger } from 'pino';
import { outcomes } from '../../contract/outcomes.ts';
import { usdText } from '../../model/money.ts';
import { costOfAttempts, type Settlement } from '../../model/settlement.ts';

/** Lines gathered before they are written: a system call for each costs more than making it. */
const flushBytes = 8_192;
const flushMs = 200;

/** Stdout, written in blocks, at the latest after `flushMs`, and at exit. */
const buffered = (): DestinationStream =>
  pino.destination({ dest: 1, sync: false, minLength: flushBytes, periodicFlush: flushMs });

/** Structured lines on stdout, or wherever `to` writes them; time as ISO text, level by name. */
export const logger = (level: string, to: DestinationStream = buffered()): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );

/** Settlement -> its one log line: ids, caller, model, outcome, tokens' price; never content or credentials. */
export const logCall = (log: Logger, settlement: Settlement): void => {
  const { call, outcome, attempts } = settlement;
  const level = outcomes[outcome].log;
  if (!log.isLevelEnabled(level)) return;
  const served = attempts.at(-1);
  log[level](
    {
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
      ...(settlement.errorCode === ''
        ? {}
        : {
            error: settlement.errorCode,
            origin: settlement.errorOrigin,
            reason: settlement.errorMessage,
          }),
    },
    'call',
  );
};
