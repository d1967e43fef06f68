/** The alert rules: what they say, that promtool accepts them, and that their cases would notice a change. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, describe, expect, test } from 'vitest';
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
  TollgateLedgerConservation: 'max(abs(tollgate_ledger_conservation_error)) > 0',
  TollgateLedgerBehind: 'max(tollgate_ledger_spool_oldest_seconds) > 300',
  TollgateLedgerFull: 'sum by (reason) (tollgate_ledger_full) > 0',
  TollgateLedgerSetAside: 'sum by (kind) (tollgate_ledger_set_aside_files) > 0',
  TollgateLedgerRowsLost: '(sum by (result) (tollgate_ledger_rows_total{result=~"dropped|damaged"}) unless sum by (result) (tollgate_ledger_rows_total{result=~"dropped|damaged"} offset 30m) > 0) > 0 or sum by (result) (increase(tollgate_ledger_rows_total{result=~"dropped|damaged"}[30m])) > 0',
  TollgateLedgerShipFailures: 'sum(increase(tollgate_ledger_ship_failures_total[5m])) > 0',
  TollgateUnpriced: '(sum by (provider, model) (tollgate_unpriced_calls_total) unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0) > 0 or sum by (provider, model) (increase(tollgate_unpriced_calls_total[30m])) > 0',
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

const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(binaries.promtool, args, { encoding: 'utf8' });
  return { passed: status === 0, output: `${stdout}${stderr}` };
};

/** An alert, and a change of the rules that would quietly break it. */
// oxfmt-ignore
const mutations: readonly (readonly [alert: string, what: string, from: string, to: string])[] = [
  ['TollgateModelP99Slow', 'the share, raised', 'ratio_rate5m > 0.01 and on (gen_ai_provider_name', 'ratio_rate5m > 0.02 and on (gen_ai_provider_name'],
  ['TollgateModelP99Slow', 'the share, lowered', 'ratio_rate5m > 0.01 and on (gen_ai_provider_name', 'ratio_rate5m > 0.005 and on (gen_ai_provider_name'],
  ['TollgateModelP99Slow', 'the least number of calls, raised', '>= 20', '>= 30'],
  ['TollgateModelP99Slow', 'the least number of calls, lowered', '>= 20', '>= 10'],
  ['TollgateModelP99Slow', 'the bound as Prometheus 3 writes it', 'le=~"5|5[.]0"', 'le="5"'],
  ['TollgateModelP99Slow', 'how long it may last', 'for: 5m', 'for: 1m'],
  ['TollgateProviderErrors', 'the share, raised', 'ratio_rate5m > 0.01 and on (provider)', 'ratio_rate5m > 0.02 and on (provider)'],
  ['TollgateProviderErrors', 'the share, lowered', 'ratio_rate5m > 0.01 and on (provider)', 'ratio_rate5m > 0.004 and on (provider)'],
  ['TollgateProviderErrors', 'the least number of errors', '>= 3', '>= 1'],
  ['TollgateProviderErrors', 'callers’ own errors, counted', 'error!~"caller|gateway"', 'error!~"nobody"'],
  ['TollgateProviderErrors', 'a healthy provider, without a value', ' or provider:tollgate_attempts:rate5m * 0', ''],
  ['TollgateProviderErrors', 'how long it may last', 'for: 1m', 'for: 0m'],
  ['TollgateProviderErrors', 'how bad it is', 'severity: critical', 'severity: info'],
  ['TollgateLedgerBehind', 'how old a row may be', 'oldest_seconds) > 300', 'oldest_seconds) > 30'],
  ['TollgateLedgerFull', 'how long it may last', 'for: 1m', 'for: 0m'],
  ['TollgateLedgerRowsLost', 'rows that are only sent again, counted', 'dropped|damaged', 'dropped|damaged|resent'],
  ['TollgateLedgerShipFailures', 'how long it may last', 'for: 10m', 'for: 1m'],
  ['TollgateDown', 'the job', 'up{job="tollgate"}', 'up{job="gateway"}'],
  ['TollgateDown', 'one replica is enough', 'absent(up{job="tollgate"} == 1)', 'up{job="tollgate"} == 0'],
  ['TollgateDown', 'how long it may last', 'for: 2m', 'for: 1m'],
  ['TollgateLedgerConservation', 'negative errors', 'max(abs(tollgate_ledger_conservation_error))', 'max(tollgate_ledger_conservation_error)'],
  ['TollgateLedgerConservation', 'a tolerated error', 'conservation_error)) > 0', 'conservation_error)) > 1'],
  ['TollgateLedgerConservation', 'how long it may last', 'for: 2m', 'for: 1m'],
  ['TollgateUnpriced', 'counters born at 1', '(sum by (provider, model) (tollgate_unpriced_calls_total) unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0) > 0 or ', ''],
  ['TollgateUnpriced', 'counters that were there before', ' or sum by (provider, model) (increase(tollgate_unpriced_calls_total[30m])) > 0', ''],
  ['TollgateUnpriced', 'forgetting', ' unless sum by (provider, model) (tollgate_unpriced_calls_total offset 30m) > 0', ''],
];

/** The cases of one alert as a file of their own: promtool 2.42 cannot choose, and every case starts a database. */
const casesOf = (alert: string): string => {
  const file: unknown = parse(readFileSync(rulesTestFile, 'utf8'));
  if (!RulesTest.Check(file)) throw new Error(`${rulesTestFile} is no promtool test`);
  const tests = file.tests.filter(({ name }) => name.startsWith(`${alert}: `));
  return stringify({ ...file, tests });
};

describe.skipIf(!havePromtool)(`promtool${needsPromtool}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-rules-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('accepts the rules, strictly', () => {
    expect(promtool('check', 'rules', '--lint-fatal', rulesFile)).toMatchObject({ passed: true });
  });
  test('accepts the configuration that ships, and finds the rules beside it', () => {
    const { passed, output } = promtool('check', 'config', 'deploy/prometheus/prometheus.yml');
    expect(output).toContain('13 rules found');
    expect(passed).toBe(true);
  });
  test('finds every case as expected', () => {
    expect(promtool('test', 'rules', rulesTestFile)).toMatchObject({ passed: true });
  });
  test.each(mutations)('%s would notice a change of %s', (alert, _what, from, to) => {
    expect(rulesText).toContain(from);
    writeFileSync(join(dir, 'rules.yml'), rulesText.replaceAll(from, to));
    writeFileSync(join(dir, 'rules_test.yml'), casesOf(alert));
    const { passed, output } = promtool('test', 'rules', join(dir, 'rules_test.yml'));
    expect(output).toContain('FAILED');
    expect(passed).toBe(false);
  });
});
