import {
  convertLegacyOtlpGrpcOptions,
  createOtlpGrpcExportDelegate,
} from '@opentelemetry/otlp-grpc-exporter-base';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { batchWriter, requestWriter, type SpanBatch, type Surroundings } from './span-bytes.ts';
import type { Span } from '../../projections/spans.ts';
import type { MetricStore } from './store.ts';

export interface SpanExport {
  /** All spans of one call. */
  send(spans: readonly Span[]): void;
  /** Sends what is queued and closes. */
  stop(): Promise<void>;
}

/** How a batch arrived at the other end; never throws. `failed`: nothing is known to have been taken. */
export type Delivery =
  | { readonly kind: 'delivered'; readonly rejectedSpans: number }
  | { readonly kind: 'failed' };

export interface SpanTransport {
  deliver(batch: SpanBatch): Promise<Delivery>;
  close(): Promise<void>;
}

/**
 * The transport of `@opentelemetry/exporter-trace-otlp-grpc`, with its deadline, its TLS and its `OTEL_EXPORTER_OTLP_*`
 * variables, for spans that are bytes already.
 */
export const otlpGrpc = (endpoint: string, around: Surroundings): SpanTransport => {
  const request = requestWriter(around);
  let rejectedSpans = 0;
  const delegate = createOtlpGrpcExportDelegate<SpanBatch, unknown>(
    convertLegacyOtlpGrpcOptions({ url: endpoint }, 'TRACES'),
    {
      serializeRequest: request,
      deserializeResponse(bytes) {
        const response = ProtobufTraceSerializer.deserializeResponse(bytes);
        rejectedSpans = response.partialSuccess?.rejectedSpans ?? 0;
        return response;
      },
    },
    'otlp_grpc_span_exporter',
    { name: 'span', countItems: ({ spans }) => spans },
    undefined,
    'TraceExportService',
    '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  );
  return {
    deliver(batch) {
      rejectedSpans = 0;
      const { promise, resolve } = Promise.withResolvers<Delivery>();
      delegate.export(batch, ({ error }) =>
        resolve(error === undefined ? { kind: 'delivered', rejectedSpans } : { kind: 'failed' }),
      );
      return promise;
    },
    close: () => delegate.shutdown(),
  };
};

/**
 * Gathers finished spans into batches and delivers them one after another. A full queue drops whole calls' spans and
 * counts them: a trace is there or it is not.
 */
export const startSpanExport = (options: {
  readonly transport: SpanTransport;
  /** Spans not yet delivered, at most. */
  readonly queue: number;
  /** A batch of so many goes at once, a smaller one after `delayMs`. */
  readonly batch: number;
  readonly delayMs: number;
  readonly store: MetricStore;
}): SpanExport => {
  const { transport, queue, store } = options;
  const writer = batchWriter();
  const full: SpanBatch[] = [];
  let waiting = 0;
  let delivering: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;

  const count = (result: 'exported' | 'failed' | 'dropped', spans: number): void => {
    if (spans > 0) store.add('spans', { result }, spans);
  };

  const deliverAll = async (): Promise<void> => {
    for (let batch = full.shift(); batch !== undefined; batch = full.shift()) {
      const delivery = await transport.deliver(batch);
      waiting -= batch.spans;
      const rejected = delivery.kind === 'failed' ? batch.spans : delivery.rejectedSpans;
      count('exported', batch.spans - rejected);
      count('failed', rejected);
    }
    delivering = null;
  };

  /** Closes the batch that is being written, and sees to its delivery. */
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (writer.spans() > 0) full.push(writer.take());
    if (full.length > 0) delivering ??= deliverAll();
  };

  return {
    send(spans) {
      if (waiting + spans.length > queue) {
        count('dropped', spans.length);
        return;
      }
      waiting += spans.length;
      for (const span of spans) writer.add(span);
      if (writer.spans() >= options.batch) flush();
      else timer ??= setTimeout(flush, options.delayMs).unref();
    },
    async stop() {
      flush();
      await delivering;
      await transport.close();
    },
  };
};
