import { chosenCalls, sql, tokensIn, tokensOut } from '../sql.ts';
import { table, units } from '../style.ts';
import { traceLink } from '../trace.ts';

export const latencyByModel = table({
  title: 'Latency by model',
  description:
    'From the ledger, within 1 % of the true quantile. Calls that reached a provider only.',
  query: sql(
    'table',
    `SELECT provider, model, count() AS n,
       quantileDD(0.01, 0.5)(duration_ms) AS p50, quantileDD(0.01, 0.9)(duration_ms) AS p90, quantileDD(0.01, 0.99)(duration_ms) AS p99
     FROM tollgate.calls WHERE $__timeFilter(started_at) AND ${chosenCalls} AND entry = 'call' AND provider != ''
     GROUP BY provider, model ORDER BY n DESC LIMIT 100`,
  ),
  columns: {
    provider: units.text,
    model: units.text,
    n: units.count,
    p50: units.milliseconds,
    p90: units.milliseconds,
    p99: units.milliseconds,
  },
});

export const latestCalls = table({
  title: 'Latest calls',
  description: 'The newest 200 calls in the ledger, a few seconds old. A trace id opens its spans.',
  query: sql(
    'table',
    `SELECT started_at, caller_team, caller_app, model, provider, outcome, error_code, ${tokensIn} AS tokens_in,
       ${tokensOut} AS tokens_out, toFloat64(cost_usd) AS cost, duration_ms, length(attempts.provider) AS tries,
       toString(call_id) AS call_id, trace_id
     FROM tollgate.calls WHERE $__timeFilter_ms(started_at) AND ${chosenCalls} AND entry = 'call'
     ORDER BY started_at DESC LIMIT 200`,
  ),
  columns: {
    started_at: units.time,
    caller_team: units.text,
    caller_app: units.text,
    model: units.text,
    provider: units.text,
    outcome: units.text,
    error_code: units.text,
    tokens_in: units.count,
    tokens_out: units.count,
    cost: units.dollars,
    duration_ms: units.milliseconds,
    tries: units.count,
    call_id: units.text,
    trace_id: units.text,
  },
  links: { trace_id: { title: 'Show the trace', url: traceLink() } },
});
