import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  createTraceState,
  type HrTime,
} from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attribute } from '../../../../gateway/src/contract/spans.ts';
import { batchWriter, requestWriter } from '../../../../gateway/src/edge/telemetry/span-bytes.ts';
import { spansOf, type Span } from '../../../../gateway/src/projections/spans.ts';
import { requestType } from '../../../trace-router/otlp-proto.ts';
import { anySettlement } from '../../model/any-settlement.ts';

// The oracle: the same span given to the serializer of OpenTelemetry's SDK, both read back by protobufjs.

const around = {
  resource: { 'service.name': 'test', 'service.instance.id': 'x'.repeat(200) },
  scopeName: '@tollgate/gateway',
  schemaUrl: 'https://opentelemetry.io/schemas/1.41.0',
};
const resource = resourceFromAttributes(around.resource);
const instrumentationScope = { name: around.scopeName, schemaUrl: around.schemaUrl };

const hrTime = (epochMs: number): HrTime => {
  const nanos = BigInt(Math.floor(epochMs)) * 1_000_000n + BigInt(Math.round((epochMs % 1) * 1e6));
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
};

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;
const codes = {
  unset: SpanStatusCode.UNSET,
  ok: SpanStatusCode.OK,
  error: SpanStatusCode.ERROR,
} as const;

const readable = (span: Span): ReadableSpan => ({
  name: span.name,
  kind: kinds[span.kind],
  spanContext: () => ({
    traceId: span.traceId,
    spanId: span.spanId,
    traceFlags: TraceFlags.SAMPLED,
    ...(span.traceState === '' ? {} : { traceState: createTraceState(span.traceState) }),
  }),
  ...(span.parent === null
    ? {}
    : {
        parentSpanContext: {
          traceId: span.traceId,
          spanId: span.parent.spanId,
          traceFlags: TraceFlags.SAMPLED,
          isRemote: span.parent.remote,
        },
      }),
  startTime: hrTime(span.startMs),
  endTime: hrTime(span.startMs + span.durationMs),
  duration: hrTime(span.durationMs),
  status: { code: codes[span.status], message: span.statusMessage },
  attributes: Object.fromEntries(
    span.attributes.names.map((name, i) => {
      const value = span.attributes.values[i] ?? '';
      return [name, typeof value === 'object' ? [...value] : value];
    }),
  ),
  links: [],
  events: [],
  ended: true,
  resource,
  instrumentationScope,
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
});

const read = (bytes: Uint8Array | undefined): unknown =>
  requestType.toObject(requestType.decode(bytes ?? new Uint8Array()), {
    longs: String,
    bytes: String,
    arrays: true,
  });

const request = requestWriter(around);
const ours = (spans: readonly Span[], writer = batchWriter()): unknown => {
  for (const span of spans) writer.add(span);
  const batch = writer.take();
  expect(batch.spans).toBe(spans.length);
  return read(request(batch));
};
const theirs = (spans: readonly Span[]): unknown =>
  read(ProtobufTraceSerializer.serializeRequest(spans.map(readable)));

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: digits,
    maxLength: digits,
  });
/** Short and long ones, around every length at which a text is written in another way. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.integer({ min: 0, max: 140 }).map((length) => 'a'.repeat(length)),
  fc.integer({ min: 0, max: 70 }).map((length) => 'é'.repeat(length)),
  fc.constant('z'.repeat(20_000)),
);
/** Not a number: an object, as the SDK takes attributes, would sort those first. */
const otherName = text.map((name) => `x.${name}`);
const number = fc.oneof(
  fc.double({ noNaN: true }).filter((value) => !Number.isInteger(value)),
  fc.maxSafeNat(),
  fc.constantFrom(
    0,
    127,
    128,
    16_383,
    16_384,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
  ),
);
const anySpan: fc.Arbitrary<Span> = fc
  .record({
    name: text,
    kind: fc.constantFrom('server', 'client'),
    traceId: hex(32),
    spanId: hex(16),
    traceState: fc.constantFrom('', 'vendor=value', 'a=1,b=2'),
    parent: fc.option(fc.record({ spanId: hex(16), remote: fc.boolean() })),
    startMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    durationMs: fc.double({ min: 0, max: 1e7, noNaN: true }),
    status: fc.constantFrom('unset', 'ok', 'error'),
    statusMessage: text,
    pairs: fc.uniqueArray(
      fc.tuple(
        fc.oneof(fc.constantFrom(...Object.values(attribute)), otherName),
        fc.oneof(text, number, fc.boolean(), fc.array(text, { maxLength: 4 })),
      ),
      { selector: ([name]) => name, maxLength: 12 },
    ),
  })
  .map(({ pairs, ...span }) => ({
    ...span,
    attributes: { names: pairs.map(([name]) => name), values: pairs.map(([, value]) => value) },
  }));

test('any spans mean the same as those that the SDK writes', () => {
  fc.assert(
    fc.property(fc.array(anySpan, { maxLength: 5 }), (spans) => {
      fc.pre(spans.length > 0);
      expect(ours(spans)).toEqual(theirs(spans));
    }),
    { numRuns: 100 },
  );
});

test('memory grows wherever it ends in the middle of a span', () => {
  fc.assert(
    fc.property(anySpan, fc.nat(700), (span, capacity) => {
      expect(ours([span], batchWriter(capacity))).toEqual(theirs([span]));
    }),
    { numRuns: 300 },
  );
});

test('so do the spans of any call', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const spans = spansOf(settlement);
      expect(ours(spans)).toEqual(theirs(spans));
    }),
  );
});

test('a batch that is larger than its memory is whole, and the next one holds nothing of it', () => {
  const [span] = fc.sample(anySpan, { numRuns: 1, seed: 7 });
  if (span === undefined) throw new Error('no sample');
  const writer = batchWriter();
  const many = Array.from({ length: 2_000 }, () => ({ ...span, name: 'n'.repeat(1_000) }));
  expect(ours(many, writer)).toEqual(theirs(many));
  expect(writer.spans()).toBe(0);
  expect(ours([span], writer)).toEqual(theirs([span]));
});

test('a number that int64 does not hold exactly is a double', () => {
  const [base] = fc.sample(anySpan, { numRuns: 1, seed: 7 });
  if (base === undefined) throw new Error('no sample');
  const values = [-1, 2 ** 53, 1e300, -0.5];
  const span = { ...base, attributes: { names: ['a', 'b', 'c', 'd'], values } };
  const attributes = values.map((doubleValue, i) => ({
    key: span.attributes.names[i],
    value: { doubleValue },
  }));
  expect(ours([span])).toMatchObject({
    resourceSpans: [{ scopeSpans: [{ spans: [{ attributes }] }] }],
  });
});
