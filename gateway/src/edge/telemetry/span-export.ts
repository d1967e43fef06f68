import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { MetricStore } from './store.ts';

export interface SpanExport {
  send(spans: readonly ReadableSpan[]): void;
  /** Sends what is queued and closes. */
  stop(): Promise<void>;
}

/**
 * Hands finished spans to the SDK's batch processor and its OTLP/gRPC exporter. A full queue drops whole calls'
 * spans and counts them: a trace is there or it is not.
 */
export const startSpanExport = (options: {
  readonly endpoint: string;
  readonly queue: number;
  readonly batch: number;
  readonly delayMs: number;
  readonly store: MetricStore;
  readonly exporter?: SpanExporter;
}): SpanExport => {
  const { store, queue } = options;
  const exporter = options.exporter ?? new OTLPTraceExporter({ url: options.endpoint });
  let waiting = 0;
  const counted: SpanExporter = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        waiting -= spans.length;
        store.add(
          'spans',
          { result: result.error === undefined ? 'exported' : 'failed' },
          spans.length,
        );
        done(result);
      }),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
  const processor = new BatchSpanProcessor({
    exporter: counted,
    maxQueueSize: queue,
    maxExportBatchSize: options.batch,
    scheduledDelayMillis: options.delayMs,
    exportTimeoutMillis: 10_000,
  });
  return {
    send(spans) {
      if (waiting + spans.length > queue) {
        store.add('spans', { result: 'dropped' }, spans.length);
        return;
      }
      waiting += spans.length;
      for (const span of spans) processor.onEnd(span);
    },
    stop: () => processor.shutdown(),
  };
};
