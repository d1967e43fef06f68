import { ExportResultCode } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { startSpanExport } from '../../../../gateway/src/edge/telemetry/span-export.ts';
import { spansOf } from '../../../../gateway/src/edge/telemetry/spans.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import { someSettlement } from '../../model/settlements.ts';

const pair = (): readonly ReadableSpan[] =>
  spansOf(someSettlement, resourceFromAttributes({ 'service.name': 'test' }));

/** An export whose other end the test plays. */
const exporting = (queue: number) => {
  const batches: { readonly spans: number; answer(error?: Error): void }[] = [];
  const exporter: SpanExporter = {
    export: (spans, done) =>
      batches.push({
        spans: spans.length,
        answer: (error) =>
          done(
            error === undefined
              ? { code: ExportResultCode.SUCCESS }
              : { code: ExportResultCode.FAILED, error },
          ),
      }),
    shutdown: () => Promise.resolve(),
  };
  const store = metricStore(10);
  const spans = startSpanExport({
    endpoint: 'http://127.0.0.1:9',
    queue,
    batch: 4,
    delayMs: 1,
    store,
    exporter,
  });
  const results = () =>
    Object.fromEntries([...store.values('spans')].map((s) => [s.labels['result'], s.value]));
  const until = async (what: () => boolean): Promise<void> => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return { spans, batches, results, until };
};

test('spans go out in batches and are counted when the other end has them', async () => {
  const { spans, batches, results, until } = exporting(100);
  spans.send(pair());
  spans.send(pair());
  await until(() => batches.length === 1);
  expect(batches[0]?.spans).toBe(4);
  expect(results()).toEqual({});
  batches[0]?.answer();
  expect(results()).toEqual({ exported: 4 });
  await spans.stop();
});

test('a full queue drops whole calls and says so; when there is room again it takes them', async () => {
  const { spans, batches, results, until } = exporting(5);
  spans.send(pair());
  spans.send(pair());
  // One more span would fit; half a trace would not help anybody.
  spans.send(pair());
  expect(results()).toEqual({ dropped: 2 });
  await until(() => batches.length === 1);
  spans.send(pair());
  expect(results()).toEqual({ dropped: 4 });
  batches[0]?.answer();
  spans.send(pair());
  await until(() => batches.length === 2);
  batches[1]?.answer();
  expect(results()).toEqual({ dropped: 4, exported: 6 });
  await spans.stop();
});

test('what the other end refuses is counted as failed, and makes room', async () => {
  const { spans, batches, results, until } = exporting(4);
  spans.send(pair());
  spans.send(pair());
  await until(() => batches.length === 1);
  batches[0]?.answer(new Error('refused'));
  expect(results()).toEqual({ failed: 4 });
  spans.send(pair());
  await until(() => batches.length === 2);
  batches[1]?.answer();
  expect(results()).toEqual({ failed: 4, exported: 2 });
  await spans.stop();
});
