/** What finance and operators ask, of a filled ledger that ends at an instant. */
import { filledDays } from './ledger-fill.ts';

export interface Asked {
  readonly name: string;
  readonly sql: string;
  /** Milliseconds that it may take on ten million rows; null: no goal. */
  readonly goalMs: number | null;
}

const instant = (ms: number): string => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
const hourMs = 3_600_000;
const goalMs = 100;

/** A run in the middle of the ledger: `ledger-fill.ts` names traces and sessions by number. */
const [session, trace] = [250_123, 250_123 * 5 + 2];
const traceId = `lower(hex(MD5('trace${trace}')))`;
const sessionId = `substring(lower(hex(MD5('session${session}'))), 1, 20)`;

const speed = 'model, quantilesDD(0.01, 0.5, 0.9, 0.99)(duration_ms)[3] AS p99';
const reached = "entry = 'call' AND provider != ''";

// oxfmt-ignore
export const askedOf = (endMs: number): readonly Asked[] => {
  const lastTwoHours = `started_at >= ${instant(endMs - 2 * hourMs)}`;
  const day = `toDate(${instant(endMs - filledDays * 24 * hourMs)})`;
  const days = `day >= ${day}`;
  const hours = `hour >= toStartOfHour(${instant(endMs - filledDays * 24 * hourMs)})`;
  return [
    { name: 'cost per team, 30 days', goalMs, sql: `SELECT caller_team, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${days} GROUP BY caller_team ORDER BY cost DESC` },
    { name: 'cost per application and model, 30 days', goalMs, sql: `SELECT caller_app, model, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${days} GROUP BY caller_app, model ORDER BY cost DESC` },
    { name: 'cost per team and hour, 30 days', goalMs, sql: `SELECT hour, caller_team, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${hours} GROUP BY hour, caller_team` },
    { name: 'top callers, 2 hours', goalMs, sql: `SELECT caller_team, caller_app, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${lastTwoHours} GROUP BY caller_team, caller_app ORDER BY cost DESC LIMIT 10` },
    { name: 'p99 by model, 2 hours', goalMs, sql: `SELECT ${speed} FROM tollgate.calls WHERE ${lastTwoHours} AND ${reached} GROUP BY model` },
    { name: 'p99 by model, 30 days', goalMs, sql: `SELECT ${speed} FROM tollgate.calls WHERE ${hours} AND ${reached} GROUP BY model` },
    { name: 'waste by team, 30 days', goalMs, sql: `SELECT caller_team, sum(waste_usd) AS waste FROM tollgate.calls WHERE ${days} GROUP BY caller_team ORDER BY waste DESC` },
    { name: 'waste by cause, 30 days (usage_1d)', goalMs, sql: `SELECT waste_reason, sum(cost_usd) AS waste FROM tollgate.usage_1d WHERE ${days} AND waste_reason != '' GROUP BY waste_reason` },
    { name: 'cost by account and day, 30 days (usage_1d)', goalMs, sql: `SELECT provider, account, day, sum(cost_usd) AS cost FROM tollgate.usage_1d WHERE ${days} GROUP BY provider, account, day` },
    { name: 'one tag, 30 days (tags_1d)', goalMs, sql: `SELECT value, sum(cost_usd) AS cost FROM tollgate.tags_1d WHERE tag = 'feature' AND ${days} GROUP BY value` },
    { name: 'one trace', goalMs, sql: `SELECT started_at, agent, model, outcome, cost_usd FROM tollgate.calls WHERE trace_id = ${traceId}` },
    { name: 'one session', goalMs, sql: `SELECT started_at, agent, model, outcome, cost_usd FROM tollgate.calls WHERE session_id = ${sessionId}` },
    { name: 'one trace (runs)', goalMs, sql: `SELECT sum(calls), sum(cost_usd) FROM tollgate.runs WHERE trace_id = ${traceId}` },
    { name: 'one session (runs)', goalMs, sql: `SELECT sum(calls), sum(cost_usd) FROM tollgate.runs WHERE session_id = ${sessionId}` },
    { name: 'one tag, 30 days, of the rows', goalMs: null, sql: `SELECT tags['feature'] AS feature, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${days} GROUP BY feature` },
    { name: 'dearest runs, 30 days (runs)', goalMs: null, sql: `SELECT trace_id, sum(cost_usd) AS cost FROM tollgate.runs WHERE ${days} GROUP BY trace_id ORDER BY cost DESC LIMIT 10` },
    { name: 'cost per end user, 30 days', goalMs: null, sql: `SELECT caller_user, sum(cost_usd) AS cost FROM tollgate.calls WHERE ${days} GROUP BY caller_user ORDER BY cost DESC LIMIT 10` },
    { name: 'FOCUS, one day', goalMs: null, sql: `SELECT count(), sum(BilledCost) FROM tollgate.focus WHERE ChargePeriodStart = toStartOfDay(${instant(endMs - 10 * 24 * hourMs)})` },
  ];
};
