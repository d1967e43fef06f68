/** A settlement's four projections and where they go: ledger, metrics, spans, log. */
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { scope } from '../contract/spans.ts';
import { modelLabels, type ModelNames } from '../decide/model-labels.ts';
import { writtenDown } from '../decide/written-down.ts';
import type { Settlement } from '../model/settlement.ts';
import type { Ledger } from './ledger/ledger.ts';
import { settler, type Settler } from './settle.ts';
import { count } from '../projections/metrics.ts';
import { leftOut } from './telemetry/left-out.ts';
import { callLog } from './telemetry/log.ts';
import { startMetricExport } from './telemetry/otlp-view.ts';
import { otlpGrpc, startSpanExport } from './telemetry/span-export.ts';
import { spansOf } from '../projections/spans.ts';
import type { MetricStore } from './telemetry/store.ts';
import type { Runtime } from './runtime.ts';

export interface Projections {
  settle: Settler['settle'];
  /** Projects what waits and sends what is queued for export; the ledger is stopped by whoever started it. */
  stop(): Promise<void>;
}

const namesIn = (names: ModelNames): number =>
  [...names.values()].reduce((sum, models) => sum + models.size, 0);

/** Starts the exports that a configuration asks for. */
export const startProjections = (options: {
  readonly telemetry: Config['telemetry'];
  /** The configuration in force: how many refused calls are written down, and which models have labels. */
  runtime(): Pick<Runtime, 'config' | 'named'>;
  /** Brings gauges into the store; called before it is exported. */
  refresh(): void;
  readonly replica: string;
  /** Who writes log lines, where several do; null: there is one. */
  readonly worker: number | null;
  readonly ledger: Ledger;
  readonly store: MetricStore;
  readonly log: Logger;
  /** Where the log writes. */
  readonly lines: DestinationStream;
}): Projections => {
  const { telemetry, replica, worker, ledger, store, log, lines } = options;
  const { otlpEndpoint: endpoint } = telemetry;
  const resource = { 'service.name': telemetry.serviceName, 'service.instance.id': replica };
  const spans =
    endpoint === null
      ? null
      : startSpanExport({
          transport: otlpGrpc(endpoint, { resource, ...scope }),
          queue: telemetry.spanQueue,
          batch: telemetry.spanBatch,
          delayMs: telemetry.spanDelayMs,
          store,
        });
  const metrics =
    endpoint === null
      ? null
      : startMetricExport({
          store,
          resource: resourceFromAttributes(resource),
          endpoint,
          intervalMs: telemetry.metricsIntervalMs,
          refresh: options.refresh,
        });
  const { labelValues } = options.runtime().config.limits;
  const labelled = modelLabels(
    () => options.runtime().named,
    () => ({
      // What the configuration names has its place first.
      learned: labelValues - namesIn(options.runtime().named),
      perKey: options.runtime().config.limits.labelValuesPerKey,
    }),
    () => store.add('overflow', { metric: '*', label: 'model' }, 1),
  );
  const { settle, flush } = settler(
    [
      // The row first: it alone must survive what comes next.
      (settlement, written) => ledger.settle(settlement, written),
      (settlement) => count(store, labelled(settlement)),
      ...(spans === null ? [] : [(settlement: Settlement) => spans.send(spansOf(settlement))]),
      callLog(log, lines, worker),
    ],
    ({ call }, error) =>
      log.error({ call_id: call.id, err: error }, 'a bug kept a call from being told everywhere'),
  );
  const { isWritten } = writtenDown(() => options.runtime().config.limits);
  const rest = leftOut(store, log);
  return {
    settle(settlement, written) {
      if (isWritten(settlement, performance.now())) return settle(settlement, written);
      rest.add(settlement);
      written?.(false);
    },
    async stop() {
      flush();
      rest.stop();
      await spans?.stop();
      await metrics?.stop();
    },
  };
};
