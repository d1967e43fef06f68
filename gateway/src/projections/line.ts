/** Settlement -> its one log line: ids, caller, model, outcome, cost; never content or credentials. */
import { outcomes } from '../contract/outcomes.ts';
import { usdText } from '../model/money.ts';
import { costOfAttempts, type Settlement } from '../model/settlement.ts';

/**
 * @param atMs wall clock, epoch milliseconds
 * @param worker who served it, where several do; null: there is one
 */
export const lineOf = (settlement: Settlement, atMs: number, worker: number | null): string => {
  const { call, outcome, attempts } = settlement;
  const served = attempts.at(-1);
  const failed = settlement.errorCode !== '';
  // Written here and not by the logger, whose general way takes three times the CPU of this one.
  return JSON.stringify({
    level: outcomes[outcome].log,
    // oxlint-disable-next-line no-restricted-globals -- says a time that it was given
    time: new Date(atMs).toISOString(),
    worker: worker ?? undefined,
    call_id: call.id,
    trace_id: call.trace.traceId,
    span_id: call.trace.spanId,
    outcome,
    status: settlement.httpStatus,
    operation: call.operation,
    team: call.caller?.team,
    app: call.caller?.app,
    model: call.parameters?.model,
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
