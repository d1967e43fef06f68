/** Boards and rules against the contract: every metric and label they name exists, every metric is shown somewhere. */
import { readFileSync } from 'node:fs';
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import { type MetricId, type MetricRow, metrics } from '@tollgate/gateway/contract/metrics';
import { groups } from '../../dashboards/src/alerts/registry.ts';
import { clickhouseMetrics } from '../../deploy/local/src/contract/metrics.ts';
import { boardQueries, readBoards } from './board.ts';

const rules = Object.values(groups).flat();

type Shown = Pick<MetricRow, 'name' | 'kind' | 'labels'>;
/** Of the gateway and of the embedded ClickHouse. */
const catalogue: Readonly<Record<string, Shown>> = { ...metrics, ...clickhouseMetrics };

/** What each series is called, and the labels it has. */
const known = new Map<string, readonly string[]>([
  // Prometheus's own.
  ['up', ['job', 'instance']],
  ['ALERTS', ['alertname', 'alertstate', 'severity']],
  ...Object.values(catalogue).flatMap(({ name, kind, labels }) =>
    kind === 'histogram'
      ? ([
          [`${name}_bucket`, [...labels, 'le']],
          [`${name}_count`, labels],
          [`${name}_sum`, labels],
        ] as const)
      : ([[name, labels]] as const),
  ),
  ...rules.flatMap((rule) =>
    rule.kind === 'recording' ? [[rule.name, rule.expr.labels] as const] : [],
  ),
]);

const children = (node: SyntaxNode, name: string): SyntaxNode[] => {
  const found: SyntaxNode[] = [];
  node.cursor().iterate((one) => {
    if (one.name === name) found.push(one.node);
  });
  return found;
};

/** Everything in an expression that the contract does not know. Grafana's variables count as what they stand for. */
const strangers = (expr: string): string[] => {
  const text = expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, 'x');
  const tree = parser.parse(text).topNode;
  const said = (node: SyntaxNode) => text.slice(node.from, node.to);
  if (children(tree, '⚠').length > 0) return [`not PromQL: ${text}`];

  const selected = children(tree, 'VectorSelector').map((node) => ({
    name: said(node.getChild('Identifier') ?? node),
    labels: children(node, 'UnquotedLabelMatcher').map((one) =>
      said(one.getChild('LabelName') ?? one),
    ),
  }));
  const unknownNames = selected.flatMap(({ name }) => (known.has(name) ? [] : [name]));
  const unknownMatchers = selected.flatMap(({ name, labels }) =>
    labels.filter((label) => !known.get(name)?.includes(label)).map((label) => `${name}{${label}}`),
  );
  // `by (...)` may keep what its own argument has; `on (...)` joins what both sides have.
  const unknownGroups = children(tree, 'GroupingLabels').flatMap((group) => {
    const around = group.parent?.parent ?? tree;
    const has = children(around, 'VectorSelector').map(
      (node) => known.get(said(node.getChild('Identifier') ?? node)) ?? [],
    );
    return children(group, 'LabelName')
      .map(said)
      .filter((label) => !has.every((labels) => labels.includes(label)))
      .map((label) => `by (${label})`);
  });
  return [...unknownNames, ...unknownMatchers, ...unknownGroups];
};

test('the check itself sees a foreign metric, label, group and a broken expression', () => {
  expect(strangers('sum(rate(http_requests_total[5m]))')).toEqual(['http_requests_total']);
  expect(strangers('sum(rate(tollgate_calls_total{model="x"}[5m]))')).toEqual([
    'tollgate_calls_total{model}',
  ]);
  expect(strangers('sum by (provider) (rate(tollgate_calls_total[5m]))')).toEqual([
    'by (provider)',
  ]);
  expect(strangers('tollgate_inflight_calls + on (model) tollgate_open_streams')).toEqual([
    'by (model)',
  ]);
  expect(strangers('tollgate_overhead_seconds')).toEqual(['tollgate_overhead_seconds']);
  expect(strangers('sum by ( (')).toEqual(['not PromQL: sum by ( (']);
});

describe('boards', () => {
  test.each(boardQueries())('$panel: $expr', ({ expr, legend }) => {
    expect(strangers(expr)).toEqual([]);
    // A legend shows only labels that the query keeps.
    const kept = children(
      parser.parse(expr.replaceAll('$__rate_interval', '5m')).topNode,
      'GroupingLabels',
    );
    const text = kept.map((node) =>
      expr.replaceAll('$__rate_interval', '5m').slice(node.from, node.to),
    );
    for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      expect(text.join()).toMatch(new RegExp(`\\b${label}\\b`));
    }
  });

  test('variables list values of labels that exist', () => {
    const asked = [...readBoards().values()].flatMap(({ templating }) =>
      templating.list.flatMap(({ definition }) => (definition === undefined ? [] : [definition])),
    );
    expect(asked.length).toBeGreaterThanOrEqual(4);
    for (const definition of asked) {
      const [, series = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
      expect(strangers(`sum by (${label}) (${series})`)).toEqual([]);
    }
  });
});

test.each(rules.map(({ name, expr }) => ({ name, expr })))('rule $name', ({ expr }) => {
  expect(strangers(expr.text)).toEqual([]);
});

/** Code in the runbooks that speaks of series: a query, or a bare name. */
const inRunbooks = [...readFileSync('docs/runbooks.md', 'utf8').matchAll(/`([^`\n]+)`/g)]
  .map(([, expr = '']) => ({ expr }))
  .filter(({ expr }) => /\b(tollgate|gen_ai)_\w+|^up\b/.test(expr));

test('the runbooks have PromQL', () => expect(inRunbooks.length).toBeGreaterThan(8));
test.each(inRunbooks)('the runbooks’ $expr', ({ expr }) => {
  expect(strangers(expr)).toEqual([]);
});

/** Metrics on no board yet, and why. A metric is here or on a board, never both and never neither. */
const excused: Partial<Record<MetricId | keyof typeof clickhouseMetrics, string>> = {
  timePerOutputToken: 'board Provider & model, which comes with breakers and stream endings',
  operationDuration: 'board Provider & model',
  tokenUsage: 'board Provider & model',
  limitRefusals: 'board Caller, which comes with forecasts',
  budgetUsed: 'board Caller',
  budgetLimit: 'board Caller',
  budgetReserved: 'board Caller',
  budgetWindowEnd: 'board Caller',
  budgetThresholds: 'board Caller',
  budgetExposure: 'board FinOps',
  budgetUnpriced: 'board FinOps',
  budgetAccountsEvicted: 'board Health',
  budgetKeepFailures: 'board Health',
  streamEndings: 'board Provider & model',
  streamGap: 'board Provider & model',
  estimated: 'board Provider & model',
  waste: 'board FinOps; the overview shows waste by caller from the ledger',
  authFailures: 'board Caller',
  issuerKeysAge: 'board Health',
  issuerRefreshes: 'board Health',
  foreignRequests: 'board Ledger & gateway',
  slowReaders: 'board Caller',
  impossibleUsage: 'board Reconciliation & close',
  providerCuts: 'board Provider & model',
  unwritten: 'board Caller',
  limitHits: 'board Caller',
  bodyBytes: 'board Ledger & gateway',
  unpriced: 'TollgateUnpriced judges it; the overview counts such calls in the ledger, exactly',
  priceCatalog: 'board Reconciliation & close',
  priceCatalogAge: 'TollgatePricesStale judges it; board Reconciliation & close',
  priceCatalogWrites: 'board Reconciliation & close',
  ledgerReconciled: 'board Ledger & gateway',
  reconciliationDrift: 'TollgateReconciliationDrift judges it; board Reconciliation & close',
  spans: 'board Ledger & gateway',
  overflow: 'board Ledger & gateway',
  workerUp: 'TollgateWorkerAway judges it; board Ledger & gateway',
  workerRestarts: 'TollgateWorkerRestarts judges it; board Ledger & gateway',
  config: 'board Ledger & gateway',
  configReloads: 'board Ledger & gateway',
  configRestartNeeded: 'board Ledger & gateway',
  engine_starts: 'TollgateClickhouseRestarts judges it; the overview shows what came before each',
  engine_silent: 'among the crashes, which the overview shows',
  engine_away: 'board Ledger & gateway',
  engine_up: 'TollgateClickhouseAway judges it',
  engine_pid: 'for a person at the machine',
  engine_walled: 'board Ledger & gateway',
};

test('every metric of the contract is on a board, or excused with a reason', () => {
  const shown = boardQueries()
    .map(({ expr }) => expr)
    .join('\n');
  const onNone = Object.entries(catalogue)
    .filter(([, { name }]) => !new RegExp(`\\b${name}(_bucket|_count|_sum)?\\b`).test(shown))
    .map(([id]) => id);
  expect(onNone.toSorted()).toEqual(Object.keys(excused).toSorted());
});
