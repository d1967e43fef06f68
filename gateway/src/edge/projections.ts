/** A settlement's four projections and where they go: ledger, metrics, spans, log. */
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { scope } from '../contract/spans.ts';
import { writtenDown, type Allowances } from '../decide/written-down.ts';
import type { Settlement } from '../model/settlement.ts';
import type { Ledger } from './ledger/ledger.ts';
import { settler, type Settler } from './settle.ts';
import { count } from './telemetry/count.ts';
import { gauge } from './telemetry/gauges.ts';
import { leftOut } from './telemetry/left-out.ts';
import { callLog } from './telemetry/log.ts';
import { startMetricExport } from './telemetry/otlp-view.ts';
import { otlpGrpc, startSpanExport } from './telemetry/span-export.ts';
import { spansOf } from './telemetry/spans.ts';
import type { MetricStore } from './telemetry/store.ts';

export interface Projections {
  settle: Settler['settle'];
  /** Projects what waits and sends what is queued for export; the ledger is stopped by whoever started it. */
  stop(): Promise<void>;
}

/** Starts the exports that a configuration asks for. */
export const startProjections = (options: {
  readonly telemetry: Config['telemetry'];
  /** How many refused calls are written down. */
  refusals(): Allowances;
  readonly replica: string;
  readonly ledger: Ledger;
  readonly store: MetricStore;
  readonly log: Logger;
  /** Where the log writes. */
  readonly lines: DestinationStream;
}): Projections => {
  const { telemetry, replica, ledger, store, log, lines } = options;
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
          refresh: () => gauge(store, ledger),
        });
  const { settle, flush } = settler(
    [
      // The row first: it alone must survive what comes next.
      (settlement, written) => ledger.settle(settlement, written),
      (settlement) => count(store, settlement),
      ...(spans === null ? [] : [(settlement: Settlement) => spans.send(spansOf(settlement))]),
      callLog(log, lines),
    ],
    ({ call }, error) =>
      log.error({ call_id: call.id, err: error }, 'a bug kept a call from being told everywhere'),
  );
  const { isWritten } = writtenDown(() => options.refusals());
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
