/** The alert rules: what they say, that promtool accepts them, and that their cases would notice a change. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { alerts, groups } from '../../dashboards/src/alerts/registry.ts';
import { runbook } from '../../dashboards/src/alerts/rule.ts';
import { binaries, havePromtool, needsPromtool, rulesFile, rulesTestFile } from './prometheus.ts';

const rulesText = readFileSync(rulesFile, 'utf8');

/** Word for word what the design of the dashboards asks for: other tools and runbooks quote these. */
// oxfmt-ignore
const designed = {
  'model:gen_ai_server_slower_than_5s:ratio_rate5m': '1 - sum by (gen_ai_provider_name, gen_ai_request_model) (rate(gen_ai_server_request_duration_seconds_bucket{le=~"5|5[.]0"}[5m])) / (sum by (gen_ai_provider_name, gen_ai_request_model) (rate(gen_ai_server_request_duration_seconds_count[5m])) > 0)',
  TollgateModelP99Slow: 'model:gen_ai_server_slower_than_5s:ratio_rate5m > 0.01 and on (gen_ai_provider_name, gen_ai_request_model) sum by (gen_ai_provider_name, gen_ai_request_model) (increase(gen_ai_server_request_duration_seconds_count[5m])) >= 20',
  'provider:tollgate_attempts:rate5m': 'sum by (provider) (rate(tollgate_provider_attempts_total[5m]))',
  'provider:tollgate_attempt_errors:ratio_rate5m': '(sum by (provider) (rate(tollgate_provider_attempts_total{result="error",error!~"caller|gateway"}[5m])) or provider:tollgate_attempts:rate5m * 0) / (provider:tollgate_attempts:rate5m > 0)',
  TollgateProviderErrors: 'provider:tollgate_attempt_errors:ratio_rate5m > 0.01 and on (provider) sum by (provider) (increase(tollgate_provider_attempts_total{result="error",error!~"caller|gateway"}[5m])) >= 3',
  TollgateDown: 'absent(up{job="tollgate"} == 1)',
  TollgateWorkerAway: 'min(tollgate_worker_up) < 1',
  TollgateWorkerRestarts: 'sum(increase(tollgate_worker_restarts_total[30m])) > 3',
  TollgateLedgerConservation: 'max(abs(tollgate_ledger_conservation_error)) > 0',
  TollgateLedgerBehind: 'max(tollgate_ledger_spool_oldest_seconds) > 300',
  TollgateLedgerFull: 'sum by (reason) (tollgate_ledger_full) > 0',
  TollgateLedgerSetAside: 'sum by (kind) (tollgate_ledger_set_aside_files) > 0',
  TollgateLedgerRowsLost: '(sum by (result) (tollgate_ledger_rows_total{result=~"dropped|damaged"}) unless sum by (result) (tollgate_ledger_rows_total{result=~"dropped|damaged"} offset 30m) > 0) > 0 or sum by (result) (increase(tollgate_ledger_rows_total{result=~"dropped|damaged"}[30m])) > 0',
  TollgateLedgerShipFailures: 'sum(increase(tollgate_ledger_ship_failures_total[5m])) > 0',
  TollgateReconciliationDrift: 'max by (provider) (abs(tollgate_reconciliation_drift_ratio)) > 0.02',
  TollgateClickhouseAway: 'min(tollgate_clickhouse_engine_up) < 1',
  TollgateClickhouseRestarts: 'sum(increase(tollgate_clickhouse_engine_starts_total[30m])) > 5',
  TollgateClickhouseRefusals: 'sum by (why) (increase(tollgate_clickhouse_refused_total{why=~"reader_slots|writer_slots|query_memory|result_bytes|user_disk_bytes|disk_bytes|free_disk"}[15m])) > 10',
  TollgateUnpriced: '(sum by (provider, model) (tollgate_unpriced_calls_total) unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0) > 0 or sum by (provider, model) (increase(tollgate_unpriced_calls_total[30m])) > 0',
  TollgatePricesStale: 'max(tollgate_price_catalog_age_seconds) > 14 * 86400',
} as const;

test('the rules read as designed', () => {
  const rules = Object.values(groups).flat();
  expect(Object.fromEntries(rules.map(({ name, expr }) => [name, expr.text]))).toEqual(designed);
});

test('no two rules share a name', () => {
  const names = Object.values(groups)
    .flat()
    .map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

/** GitHub's anchor of a heading that is one word. */
const anchors = [...readFileSync('docs/runbooks.md', 'utf8').matchAll(/^## (\w+)$/gm)].map(
  ([, heading = '']) => heading.toLowerCase(),
);

describe.each(alerts.map((alert) => ({ name: alert.name, alert })))('$name', ({ alert }) => {
  test('has an entry in the runbooks', () => {
    expect(runbook(alert)).toBe(`docs/runbooks.md#${alert.name.toLowerCase()}`);
    expect(anchors).toContain(alert.name.toLowerCase());
  });
  test('has a case in which it fires and one in which it is silent', () => {
    expect(alert.cases.some(({ fires }) => fires.length > 0)).toBe(true);
    expect(alert.cases.some(({ fires }) => fires.length === 0)).toBe(true);
  });
});

test('the runbooks have no entry for an alert that does not exist', () => {
  expect(anchors.filter((anchor) => anchor.startsWith('tollgate')).toSorted()).toEqual(
    alerts.map(({ name }) => name.toLowerCase()).toSorted(),
  );
});

const RulesTest = Compile(Type.Object({ tests: Type.Array(Type.Object({ name: Type.String() })) }));

const dir = mkdtempSync(join(tmpdir(), 'tollgate-rules-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const promtool = (...args: string[]) => {
  // One file for both of its streams: what it says stays in order.
  const said = join(dir, 'said');
  const file = openSync(said, 'w');
  const { status } = spawnSync(binaries.promtool, args, { stdio: ['ignore', file, file] });
  closeSync(file);
  return { passed: status === 0, output: readFileSync(said, 'utf8') };
};

/** An alert, a change of the rules that would quietly break it, and the case that notices: every further case costs a database. */
// oxfmt-ignore
const mutations: readonly (readonly [alert: string, what: string, noticedBy: string, from: string, to: string])[] = [
  ['TollgateModelP99Slow', 'the share, raised', 'a model with 1.2 % slow calls fires, just above the threshold', 'ratio_rate5m > 0.01 and on (gen_ai_provider_name', 'ratio_rate5m > 0.02 and on (gen_ai_provider_name'],
  ['TollgateModelP99Slow', 'the share, lowered', 'a model with 0.8 % slow calls is silent', 'ratio_rate5m > 0.01 and on (gen_ai_provider_name', 'ratio_rate5m > 0.005 and on (gen_ai_provider_name'],
  ['TollgateModelP99Slow', 'the least number of calls, raised', 'a model with 25 calls in five minutes, all slow, fires', '>= 20', '>= 30'],
  ['TollgateModelP99Slow', 'the least number of calls, lowered', 'a model with 15 calls in five minutes, all slow, is silent', '>= 20', '>= 10'],
  ['TollgateModelP99Slow', 'the bound as Prometheus 3 writes it', 'a model with 3 % slow calls fires where Prometheus 3 stores the bound as 5.0', 'le=~"5|5[.]0"', 'le="5"'],
  ['TollgateModelP99Slow', 'how long it may last', 'a model that has been slow for less than five minutes is silent', 'for: 5m', 'for: 1m'],
  ['TollgateProviderErrors', 'the share, raised', 'time-outs, lost connections, limits and refused keys add up', 'ratio_rate5m > 0.01 and on (provider)', 'ratio_rate5m > 0.02 and on (provider)'],
  ['TollgateProviderErrors', 'the share, lowered', 'a provider that fails one attempt in two hundred is silent', 'ratio_rate5m > 0.01 and on (provider)', 'ratio_rate5m > 0.004 and on (provider)'],
  ['TollgateProviderErrors', 'the least number of errors', 'two failed attempts among twenty in five minutes are silent', '>= 3', '>= 1'],
  ['TollgateProviderErrors', 'callers’ own errors, counted', 'callers’ own errors and what the gateway ended are excluded, however many', 'error!~"caller|gateway"', 'error!~"nobody"'],
  ['TollgateProviderErrors', 'a healthy provider, without a value', 'a provider that fails one attempt in twenty fires, a healthy one beside it does not and reads 0', ' or provider:tollgate_attempts:rate5m * 0', ''],
  ['TollgateProviderErrors', 'how long it may last', 'a provider that begins to fail is silent for its first minute', 'for: 1m', 'for: 0m'],
  ['TollgateProviderErrors', 'how bad it is', 'a provider that fails one attempt in twenty fires, a healthy one beside it does not and reads 0', 'severity: critical', 'severity: info'],
  ['TollgateLedgerBehind', 'how old a row may be', 'rows that wait for a minute are silent', 'oldest_seconds) > 300', 'oldest_seconds) > 30'],
  ['TollgateLedgerFull', 'how long it may last', 'room that was gone for a moment is silent', 'for: 1m', 'for: 0m'],
  ['TollgateLedgerRowsLost', 'rows that are only sent again, counted', 'shipped and resent rows are silent', 'dropped|damaged', 'dropped|damaged|resent'],
  ['TollgateLedgerShipFailures', 'how long it may last', 'a restart of ClickHouse is silent', 'for: 10m', 'for: 1m'],
  ['TollgateClickhouseAway', 'how long it may last', 'an engine that is being replaced is silent', 'for: 2m', 'for: 0m'],
  ['TollgateClickhouseRestarts', 'the number of starts, raised', 'an engine that is started every four minutes fires', 'starts_total[30m])) > 5', 'starts_total[30m])) > 10'],
  ['TollgateClickhouseRestarts', 'the number of starts, lowered', 'three further starts in half an hour are silent', 'starts_total[30m])) > 5', 'starts_total[30m])) > 2'],
  ['TollgateClickhouseRefusals', 'the number of refusals, raised', 'readers that find no slot, once a minute, fire; others do not', '[15m])) > 10', '[15m])) > 20'],
  ['TollgateClickhouseRefusals', 'the number of refusals, lowered', 'a few queries that take too much memory are silent', '[15m])) > 10', '[15m])) > 3'],
  ['TollgateClickhouseRefusals', 'slow readers, counted', 'clients that fetch too slowly are silent', '|free_disk', '|free_disk|slow_reader'],
  ['TollgateDown', 'the job', 'one replica of two down is silent', 'up{job="tollgate"}', 'up{job="gateway"}'],
  ['TollgateDown', 'one replica is enough', 'one replica of two down is silent', 'absent(up{job="tollgate"} == 1)', 'up{job="tollgate"} == 0'],
  ['TollgateDown', 'how long it may last', 'a gateway that has been away for one minute is silent', 'for: 2m', 'for: 1m'],
  ['TollgateWorkerAway', 'one of several', 'one worker of two that does not come back fires', 'min(tollgate_worker_up) < 1', 'max(tollgate_worker_up) < 1'],
  ['TollgateWorkerAway', 'how long it may last', 'a worker that is started again is silent', 'for: 2m', 'for: 0m'],
  ['TollgateWorkerRestarts', 'the number of restarts, raised', 'a worker that ends every five minutes fires', 'restarts_total[30m])) > 3', 'restarts_total[30m])) > 8'],
  ['TollgateWorkerRestarts', 'the number of restarts, lowered', 'two ends in half an hour are silent', 'restarts_total[30m])) > 3', 'restarts_total[30m])) > 1'],
  ['TollgateLedgerConservation', 'negative errors', 'a row counted twice on one replica of two fires', 'max(abs(tollgate_ledger_conservation_error))', 'max(tollgate_ledger_conservation_error)'],
  ['TollgateLedgerConservation', 'a tolerated error', 'a lost call fires', 'conservation_error)) > 0', 'conservation_error)) > 1'],
  ['TollgateLedgerConservation', 'how long it may last', 'a call caught between two counters for a minute is silent', 'for: 2m', 'for: 1m'],
  ['TollgateUnpriced', 'counters born at 1', 'the first unpriced call of a model fires, though its counter is born at 1', '(sum by (provider, model) (tollgate_unpriced_calls_total) unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0) > 0 or ', ''],
  ['TollgateUnpriced', 'counters that were there before', 'a model unpriced long ago and called again fires', ' or sum by (provider, model) (increase(tollgate_unpriced_calls_total[30m])) > 0', ''],
  ['TollgateUnpriced', 'forgetting', 'a model unpriced long ago and not called since is silent', ' unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0', ''],
  ['TollgatePricesStale', 'the age, raised', 'lists of fifteen days ago fire', '14 * 86400', '16 * 86400'],
  ['TollgatePricesStale', 'the age, lowered', 'lists of thirteen days ago are silent', '14 * 86400', '12 * 86400'],
  ['TollgatePricesStale', 'how long it may last', 'a gateway that was started half an hour ago and is about to be renewed is silent', 'for: 1h', 'for: 30m'],
];

/** Whether promtool finds each mutation's case as expected under the changed rules, from one run for all of them. */
const stillPassing = (): readonly boolean[] => {
  const all: unknown = parse(readFileSync(rulesTestFile, 'utf8'));
  if (!RulesTest.Check(all)) throw new Error(`${rulesTestFile} is no promtool test`);
  const files = mutations.map(([alert, , noticedBy, from, to], i) => {
    const own = join(dir, String(i));
    mkdirSync(own);
    writeFileSync(join(own, 'rules.yml'), rulesText.replaceAll(from, to));
    const tests = all.tests.filter(({ name }) => name === `${alert}: ${noticedBy}`);
    if (tests.length !== 1) throw new Error(`no case is called ${alert}: ${noticedBy}`);
    writeFileSync(join(own, 'cases.yml'), stringify({ ...all, tests }));
    return join(own, 'cases.yml');
  });
  const { output } = promtool('test', 'rules', ...files);
  return files.map((file) => {
    const [, verdict] =
      new RegExp(`^Unit Testing: +${file}\\n +(SUCCESS|FAILED)`, 'm').exec(output) ?? [];
    if (verdict === undefined) throw new Error(`promtool says nothing of ${file}: ${output}`);
    return verdict === 'SUCCESS';
  });
};

describe.skipIf(!havePromtool)(`promtool${needsPromtool}`, () => {
  test('accepts the rules, strictly', () => {
    expect(promtool('check', 'rules', '--lint-fatal', rulesFile)).toMatchObject({ passed: true });
  });
  test('accepts the configuration that ships, and finds the rules beside it', () => {
    const { passed, output } = promtool('check', 'config', 'deploy/prometheus/prometheus.yml');
    expect(output).toContain('20 rules found');
    expect(passed).toBe(true);
  });
  test('finds every case as expected', () => {
    expect(promtool('test', 'rules', rulesTestFile)).toMatchObject({ passed: true });
  });
  describe('under changed rules', () => {
    let passing: readonly boolean[] = [];
    beforeAll(() => {
      passing = stillPassing();
    });
    test.each(mutations.map(([alert, what, , from], i) => ({ alert, what, from, i })))(
      '$alert would notice a change of $what',
      ({ from, i }) => {
        expect(rulesText).toContain(from);
        expect(passing[i]).toBe(false);
      },
    );
  });
});
