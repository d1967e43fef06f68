import { latencyByModel, latestCalls } from '../panels/calls.ts';
import { engineEnds, engineMemory, engineRefusals } from '../panels/clickhouse.ts';
import {
  callers,
  spendByModel,
  spendByTeam,
  spendNow,
  spendOverTime,
  topCallers,
} from '../panels/cost.ts';
import {
  errorRatio,
  errorRatioOverTime,
  errorsByKind,
  errorsByProvider,
  furtherAttempts,
} from '../panels/errors.ts';
import {
  firstToken,
  overhead,
  p50ByModel,
  p90ByModel,
  p99ByModel,
  p99Now,
  slowCalls,
} from '../panels/latency.ts';
import { tokensByBucket, tokensByCaller } from '../panels/tokens.ts';
import { callsByOutcome, callsNow, inFlight, inFlightNow } from '../panels/traffic.ts';
import { alertsNow, conservation, spoolAge, unpriced } from '../panels/trust.ts';
import type { Board } from './board.ts';
import { variables } from './variables.ts';

/** The first look: is it up, is it slow, who calls, what does it cost, may one believe it? */
// oxfmt-ignore
export const overview: Board = {
  uid: 'tollgate-overview',
  title: 'Tollgate / Overview',
  description: 'Calls, errors, latency, tokens and cost through the gateway: Prometheus for now, the ledger for who and how much.',
  variables,
  rows: [
    { id: 100, title: 'Now', height: 4, panels: [
      { id: 1, width: 4, panel: callsNow },
      { id: 2, width: 4, panel: errorRatio },
      { id: 3, width: 4, panel: p99Now },
      { id: 4, width: 4, panel: inFlightNow },
      { id: 5, width: 4, panel: spendNow },
      { id: 6, width: 4, panel: alertsNow },
    ] },
    { id: 101, title: 'Calls and errors', height: 8, panels: [
      { id: 10, width: 8, panel: callsByOutcome },
      { id: 11, width: 8, panel: errorRatioOverTime },
      { id: 12, width: 8, panel: errorsByProvider },
    ] },
    { id: 102, title: 'Providers', height: 8, panels: [
      { id: 13, width: 8, panel: errorsByKind },
      { id: 14, width: 8, panel: furtherAttempts },
      { id: 15, width: 8, panel: inFlight },
    ] },
    { id: 103, title: 'Latency by model', height: 9, panels: [
      { id: 20, width: 8, panel: p50ByModel },
      { id: 21, width: 8, panel: p90ByModel },
      { id: 22, width: 8, panel: p99ByModel },
    ] },
    { id: 104, title: 'First token, slow calls, our own time', height: 8, panels: [
      { id: 23, width: 8, panel: firstToken },
      { id: 24, width: 8, panel: slowCalls },
      { id: 25, width: 8, panel: overhead },
    ] },
    { id: 105, title: 'Tokens and cost, now', height: 9, panels: [
      { id: 30, width: 6, panel: tokensByBucket },
      { id: 31, width: 6, panel: tokensByCaller },
      { id: 32, width: 6, panel: spendByModel },
      { id: 33, width: 6, panel: topCallers },
    ] },
    { id: 106, title: 'The ledger: who and how much', height: 9, panels: [
      { id: 40, width: 6, panel: spendByTeam },
      { id: 41, width: 18, panel: spendOverTime },
    ] },
    { id: 107, title: 'The ledger: callers and models', height: 9, panels: [
      { id: 42, width: 12, panel: callers },
      { id: 43, width: 12, panel: latencyByModel },
    ] },
    { id: 108, title: 'The ledger: calls', height: 12, panels: [
      { id: 44, width: 24, panel: latestCalls },
    ] },
    { id: 109, title: 'May one believe these numbers?', height: 4, panels: [
      { id: 50, width: 8, panel: conservation },
      { id: 51, width: 8, panel: spoolAge },
      { id: 52, width: 8, panel: unpriced },
    ] },
    { id: 110, title: 'The embedded ClickHouse', height: 7, panels: [
      { id: 60, width: 8, panel: engineEnds },
      { id: 61, width: 8, panel: engineRefusals },
      { id: 62, width: 8, panel: engineMemory },
    ] },
  ],
};
