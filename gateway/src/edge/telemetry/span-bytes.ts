/**
 * Spans -> OTLP protobuf, written once, straight into the bytes of their batch. The SDK's serializer measures every
 * span before it writes it and took a fifth of the CPU of a call; it is the oracle of this one's tests.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto
 */
import { attribute } from '../../contract/spans.ts';
import type { Attributes, AttributeValue, Span } from '../../projections/spans.ts';
import { delimited, fixed32, fixed64, ProtobufWriter, tag, varint } from './protobuf-writer.ts';

/** Spans on their way: the encoded list of a `ScopeSpans` message, without what surrounds it. */
export interface SpanBatch {
  readonly spans: number;
  readonly bytes: Uint8Array;
}

export interface BatchWriter {
  add(span: Span): void;
  /** Spans added since the last `take`. */
  spans(): number;
  take(): SpanBatch;
}

/** Room left for the lengths of an attribute and of a span: nearly all of them are so long. */
const shortLength = 1;
const spanLength = 2;

const kinds = { server: 2, client: 3 } as const;
const statuses = { unset: 0, ok: 1, error: 2 } as const;
/** Sampled, and it is known whether the parent is remote (SpanFlags). */
const localFlags = 0x101;
const remoteFlags = 0x301;

/** The fields `key` of our own attributes, ready to be copied; keys that clients invent are not kept. */
const keys: ReadonlyMap<string, Uint8Array> = new Map(
  Object.values(attribute).map((name) => [
    name,
    Uint8Array.of(tag(1, delimited), name.length, ...Buffer.from(name, 'latin1')),
  ]),
);

/** An `AnyValue`. Whole numbers are int64, as the SDK has them, unless a double holds them no longer exactly. */
const writeValue = (to: ProtobufWriter, value: AttributeValue): void => {
  to.room(16);
  if (typeof value === 'string') {
    to.text(1, value);
  } else if (typeof value === 'boolean') {
    to.byte(tag(2, varint));
    to.byte(value ? 1 : 0);
  } else if (typeof value === 'object') {
    to.byte(tag(5, delimited));
    const list = to.open(shortLength);
    for (const one of value) {
      to.room(8);
      to.byte(tag(1, delimited));
      const item = to.open(shortLength);
      writeValue(to, one);
      to.close(item, shortLength);
    }
    to.close(list, shortLength);
  } else if (Number.isSafeInteger(value) && value >= 0) {
    to.byte(tag(3, varint));
    to.varint(value);
  } else {
    to.byte(tag(4, fixed64));
    to.double(value);
  }
};

const writeAttribute = (
  to: ProtobufWriter,
  field: number,
  name: string,
  value: AttributeValue,
): void => {
  to.room(8);
  to.byte(tag(field, delimited));
  const pair = to.open(shortLength);
  const key = keys.get(name);
  if (key === undefined) {
    to.text(1, name);
  } else to.copy(key);
  to.room(8);
  to.byte(tag(2, delimited));
  const any = to.open(shortLength);
  writeValue(to, value);
  to.close(any, shortLength);
  to.close(pair, shortLength);
};

const writeAttributes = (
  to: ProtobufWriter,
  field: number,
  { names, values }: Attributes,
): void => {
  for (let i = 0; i < names.length; i += 1)
    writeAttribute(to, field, names[i] ?? '', values[i] ?? '');
};

const twoTo23 = 2 ** 23;
const twoTo32 = 2 ** 32;

/** Epoch milliseconds as nanoseconds in 64 bits, which a double cannot hold: split so that every step is exact. */
const writeTime = (to: ProtobufWriter, epochMs: number): void => {
  const ms = Math.floor(epochMs);
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms - seconds * 1000) * 1e6 + Math.round((epochMs - ms) * 1e6);
  // 1e9 is 5 ** 9 * 2 ** 9.
  const upper = seconds * 1_953_125;
  const low = (upper % twoTo23) * 512 + nanos;
  to.uint32(low % twoTo32);
  to.uint32(Math.floor(upper / twoTo23) + (low >= twoTo32 ? 1 : 0));
};

/** The field `spans` of a `ScopeSpans`, once. */
const writeSpan = (to: ProtobufWriter, span: Span): void => {
  to.room(64);
  to.byte(tag(2, delimited));
  const whole = to.open(spanLength);
  to.byte(tag(1, delimited));
  to.byte(16);
  to.hex(span.traceId);
  to.byte(tag(2, delimited));
  to.byte(8);
  to.hex(span.spanId);
  if (span.traceState !== '') {
    to.text(3, span.traceState);
  }
  to.room(64);
  if (span.parent !== null) {
    to.byte(tag(4, delimited));
    to.byte(8);
    to.hex(span.parent.spanId);
  }
  to.text(5, span.name);
  to.room(64);
  to.byte(tag(6, varint));
  to.byte(kinds[span.kind]);
  to.byte(tag(7, fixed64));
  writeTime(to, span.startMs);
  to.byte(tag(8, fixed64));
  writeTime(to, span.startMs + span.durationMs);
  writeAttributes(to, 9, span.attributes);
  to.room(64);
  to.byte(tag(15, delimited));
  const status = to.open(shortLength);
  if (span.statusMessage !== '') {
    to.text(2, span.statusMessage);
    to.room(64);
  }
  if (span.status !== 'unset') {
    to.byte(tag(3, varint));
    to.byte(statuses[span.status]);
  }
  to.close(status, shortLength);
  to.room(8);
  // The first field number that needs two bytes of tag.
  to.varint(tag(16, fixed32));
  to.uint32(span.parent?.remote === true ? remoteFlags : localFlags);
  to.close(whole, spanLength);
};

/** A batch is written into one piece of memory, which is used again for the next. */
const batchCapacity = 256 * 1024;

/** An empty batch. It grows past `capacity` bytes when it must. */
export const batchWriter = (capacity = batchCapacity): BatchWriter => {
  const to = new ProtobufWriter(capacity);
  let spans = 0;
  return {
    add(span) {
      writeSpan(to, span);
      spans += 1;
    },
    spans: () => spans,
    take() {
      const taken = { spans, bytes: to.take() };
      spans = 0;
      return taken;
    },
  };
};

/** What surrounds the spans of one process: its resource and scope, the same for every batch. */
export interface Surroundings {
  readonly resource: Readonly<Record<string, string>>;
  readonly scopeName: string;
  readonly schemaUrl: string;
}

/**
 * Puts what surrounds them around a batch of spans: a whole `ExportTraceServiceRequest`.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/collector/trace/v1/trace_service.proto
 */
export const requestWriter = ({
  resource,
  scopeName,
  schemaUrl,
}: Surroundings): ((batch: SpanBatch) => Uint8Array) => {
  const to = new ProtobufWriter(1024);
  const message = (field: number, write: () => void): Uint8Array => {
    to.room(8);
    to.byte(tag(field, delimited));
    const start = to.open(shortLength);
    write();
    to.close(start, shortLength);
    return to.take();
  };
  const resourceField = message(1, () =>
    writeAttributes(to, 1, { names: Object.keys(resource), values: Object.values(resource) }),
  );
  const scopeField = message(1, () => {
    to.room(8);
    to.text(1, scopeName);
  });
  to.room(8);
  to.text(3, schemaUrl);
  const schemaField = to.take();
  /** Tag and length of a message whose content is elsewhere. */
  const head = (field: number, length: number): Uint8Array => {
    to.room(16);
    to.byte(tag(field, delimited));
    to.varint(length);
    return to.take();
  };
  return ({ bytes }) => {
    const scopeSpans = scopeField.length + bytes.length + schemaField.length;
    const scopeHead = head(2, scopeSpans);
    const resourceHead = head(1, resourceField.length + scopeHead.length + scopeSpans);
    return Buffer.concat([resourceHead, resourceField, scopeHead, scopeField, bytes, schemaField]);
  };
};
