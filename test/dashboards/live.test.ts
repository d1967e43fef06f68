/**
 * Boards and rules against a real Prometheus. Here it scrapes an exporter that has the whole catalogue; the
 * end-to-end suite asks the same of the running gateway.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metrics } from '@tollgate/gateway/contract/metrics';
import { alerts } from '../../dashboards/src/alerts/registry.ts';
import { startFakeExporter } from './fake-exporter.ts';
import {
  expressions,
  havePrometheus,
  needsPrometheus,
  rulesFile,
  type RunningPrometheus,
  startPrometheus,
  withoutData,
} from './prometheus.ts';

const deadlineMs = 45_000;
let prometheus: RunningPrometheus;
let exporter: Awaited<ReturnType<typeof startFakeExporter>>;

describe.skipIf(!havePrometheus)(`a busy gateway, on a real Prometheus${needsPrometheus}`, () => {
  beforeAll(async () => {
    exporter = await startFakeExporter();
    prometheus = await startPrometheus({
      targets: [{ job: 'tollgate', address: exporter.address }],
      rulesFile,
      scrapeIntervalMs: 500,
    });
  });
  afterAll(async () => {
    await prometheus.stop();
    await exporter.stop();
  });

  test('every query of every board returns data', async () => {
    expect(await withoutData(prometheus, expressions().board, deadlineMs)).toEqual([]);
  });

  test(`every recording rule, and every series an alert judges, returns data`, async () => {
    expect(await withoutData(prometheus, expressions().rules, deadlineMs)).toEqual([]);
  });

  test(`every rule is healthy, and the alerts that should not fire do not`, async () => {
    await withoutData(prometheus, expressions().rules, deadlineMs);
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(
      rules
        .filter(({ kind }) => kind === 'alerting')
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(alerts.map(({ name }) => name).toSorted());
    const stateOf = (wanted: string) => rules.find(({ name }) => name === wanted)?.state;
    expect(stateOf('TollgateDown')).toBe('inactive');
    expect(stateOf('TollgateLedgerConservation')).toBe('inactive');
    // The exporter calls a model that has no price.
    expect(stateOf('TollgateUnpriced')).toBe('firing');
  });

  test('latency carries the traces behind it', async () => {
    await withoutData(prometheus, expressions().board, deadlineMs);
    const bucket = `${metrics.requestDuration.name}_bucket`;
    expect((await prometheus.exemplars(bucket)).length).toBeGreaterThan(0);
  });

  test('an expression without data is noticed', async () => {
    expect(await withoutData(prometheus, ['up', 'sum(rate(no_such_metric[5m]))'], 0)).toEqual([
      'sum(rate(no_such_metric[5m]))',
    ]);
    await expect(prometheus.query('sum by (')).rejects.toThrow('parse error');
  });
});

describe.skipIf(!havePrometheus)(
  `a healthy gateway, on a real Prometheus${needsPrometheus}`,
  () => {
    beforeAll(async () => {
      exporter = await startFakeExporter('nothing goes wrong');
      prometheus = await startPrometheus({
        targets: [{ job: 'tollgate', address: exporter.address }],
        rulesFile,
        scrapeIntervalMs: 500,
      });
    });
    afterAll(async () => {
      await prometheus.stop();
      await exporter.stop();
    });

    test('only the lists of errors, retries and fallbacks are empty, and error shares read 0', async () => {
      const { board, events, rules } = expressions();
      const always = board.filter((expr) => !events.includes(expr));
      expect(events).toHaveLength(3);
      expect(await withoutData(prometheus, always, deadlineMs)).toEqual([]);
      expect(await withoutData(prometheus, events, 0)).toEqual(events);
      const recordings = rules.filter((expr) => expr.includes(':ratio_'));
      expect(await withoutData(prometheus, recordings, deadlineMs)).toEqual([]);
      const shares = [
        ...always.filter((expr) => expr.includes(' * 0) / (')),
        'provider:tollgate_attempt_errors:ratio_rate5m',
      ];
      expect(shares.length).toBeGreaterThan(3);
      for (const expr of shares) {
        expect(new Set((await prometheus.query(expr)).map(({ value }) => value))).toEqual(
          new Set([0]),
        );
      }
    });

    test('no alert is pending or firing, latency aside', async () => {
      // The exporter observes every bucket equally often, so a third of its calls is slow.
      const noisy = (await prometheus.rules()).filter(
        ({ state }) => state === 'pending' || state === 'firing',
      );
      expect(
        noisy.map(({ name }) => name).filter((name) => name !== 'TollgateModelP99Slow'),
      ).toEqual([]);
    });
  },
);
