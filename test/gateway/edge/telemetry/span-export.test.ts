import { expect, test } from 'vitest';
import {
  startSpanExport,
  type Delivery,
} from '../../../../gateway/src/edge/telemetry/span-export.ts';
import { spansOf, type Span } from '../../../../gateway/src/projections/spans.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import { someSettlement } from '../../model/settlements.ts';

const pair = (): readonly Span[] => spansOf(someSettlement);
const delivered: Delivery = { kind: 'delivered', rejectedSpans: 0 };

/** An export whose other end the test plays. */
const exporting = (queue: number) => {
  const batches: { readonly spans: number; answer(delivery: Delivery): Promise<void> }[] = [];
  let closed = false;
  const store = metricStore(10);
  const spans = startSpanExport({
    transport: {
      deliver({ spans }) {
        const { promise, resolve } = Promise.withResolvers<Delivery>();
        batches.push({
          spans,
          async answer(delivery) {
            resolve(delivery);
            await promise;
            await Promise.resolve();
          },
        });
        return promise;
      },
      close() {
        closed = true;
        return Promise.resolve();
      },
    },
    queue,
    batch: 4,
    delayMs: 1,
    store,
  });
  const results = () =>
    Object.fromEntries([...store.values('spans')].map((s) => [s.labels['result'], s.value]));
  const until = async (what: () => boolean): Promise<void> => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return { spans, batches, results, until, closed: () => closed };
};

test('spans go out in batches and are counted when the other end has them', async () => {
  const { spans, batches, results, until } = exporting(100);
  spans.send(pair());
  spans.send(pair());
  await until(() => batches.length === 1);
  expect(batches[0]?.spans).toBe(4);
  expect(results()).toEqual({});
  await batches[0]?.answer(delivered);
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
  await batches[0]?.answer(delivered);
  spans.send(pair());
  await until(() => batches.length === 2);
  await batches[1]?.answer(delivered);
  expect(results()).toEqual({ dropped: 4, exported: 6 });
  await spans.stop();
});

test('what the other end refuses is counted as failed, and makes room', async () => {
  const { spans, batches, results, until } = exporting(4);
  spans.send(pair());
  spans.send(pair());
  await until(() => batches.length === 1);
  await batches[0]?.answer({ kind: 'failed' });
  expect(results()).toEqual({ failed: 4 });
  spans.send(pair());
  await until(() => batches.length === 2);
  await batches[1]?.answer(delivered);
  expect(results()).toEqual({ failed: 4, exported: 2 });
  await spans.stop();
});

test('a batch goes out when the one before it has arrived, and stopping sends what is left', async () => {
  const { spans, batches, results, closed } = exporting(100);
  for (let i = 0; i < 5; i += 1) spans.send(pair());
  expect(batches.map((batch) => batch.spans)).toEqual([4]);
  const stopped = spans.stop();
  await batches[0]?.answer(delivered);
  expect(batches.map((batch) => batch.spans)).toEqual([4, 4]);
  await batches[1]?.answer(delivered);
  expect(closed()).toBe(false);
  await batches[2]?.answer(delivered);
  await stopped;
  expect(closed()).toBe(true);
  expect(results()).toEqual({ exported: 10 });
});

test('spans that the other end takes out of a batch are counted as failed', async () => {
  const { spans, batches, results } = exporting(100);
  spans.send(pair());
  spans.send(pair());
  await batches[0]?.answer({ kind: 'delivered', rejectedSpans: 3 });
  expect(results()).toEqual({ exported: 1, failed: 3 });
});
