/**
 * Decodes the spans of a kept trace. Only these are ever decoded, once. What does not parse inside a span is left out:
 * the rest of it is worth keeping, and the scanner has refused spans that are no messages.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto
 */
import type {
  AttributeValue,
  Attributes,
  PlacedSpan,
  Span,
  SpanEvent,
  SpanLink,
} from '../model/span.ts';
import type { Field } from './protobuf.ts';
import {
  bytesType,
  eachField,
  fixed64Type,
  readFixed64,
  readVarint64,
  varintType,
} from './protobuf.ts';

/** Values nest; bytes from outside must not choose the depth of our stack. */
const maxDepth = 64;

const text = (bytes: Buffer, { from, to }: Field): string => bytes.toString('utf8', from, to);
const id = (bytes: Buffer, { from, to }: Field): string => {
  const digits = bytes.toString('hex', from, to);
  return /^0*$/.test(digits) ? '' : digits;
};
const unsigned = (bytes: Buffer, { from, to }: Field): bigint =>
  readVarint64(bytes, { at: from }, to) ?? 0n;

const readValue = (bytes: Buffer, from: number, to: number, depth: number): AttributeValue => {
  let value: AttributeValue = { kind: 'empty' };
  eachField(bytes, from, to, (field) => {
    const { number, type } = field;
    if (type === bytesType) {
      if (number === 1) value = { kind: 'text', value: text(bytes, field) };
      else if (number === 5) value = { kind: 'list', values: readList(bytes, field, depth) };
      else if (number === 6)
        value = { kind: 'map', entries: readAttributes(bytes, field, 1, depth + 1) };
      else if (number === 7) value = { kind: 'bytes', value: bytes.subarray(field.from, field.to) };
    } else if (type === varintType) {
      if (number === 2) value = { kind: 'bool', value: unsigned(bytes, field) !== 0n };
      else if (number === 3)
        value = { kind: 'int', value: BigInt.asIntN(64, unsigned(bytes, field)) };
    } else if (number === 4 && type === fixed64Type) {
      value = { kind: 'double', value: bytes.readDoubleLE(field.from) };
    }
  });
  return value;
};

const readList = (bytes: Buffer, list: Field, depth: number): AttributeValue[] => {
  const values: AttributeValue[] = [];
  if (depth >= maxDepth) return values;
  eachField(bytes, list.from, list.to, (field) => {
    if (field.number === 1 && field.type === bytesType) {
      values.push(readValue(bytes, field.from, field.to, depth + 1));
    }
  });
  return values;
};

const readKeyValue = (
  bytes: Buffer,
  pair: Field,
  into: Map<string, AttributeValue>,
  depth: number,
): void => {
  let key = '';
  let value: AttributeValue = { kind: 'empty' };
  eachField(bytes, pair.from, pair.to, (field) => {
    if (field.type !== bytesType) return;
    if (field.number === 1) key = text(bytes, field);
    else if (field.number === 2) value = readValue(bytes, field.from, field.to, depth);
  });
  into.set(key, value);
};

/** The key-value pairs under field `number` of a message. */
const readAttributes = (
  bytes: Buffer,
  message: Field,
  number: number,
  depth: number,
): Attributes => {
  const attributes = new Map<string, AttributeValue>();
  if (depth >= maxDepth) return attributes;
  eachField(bytes, message.from, message.to, (field) => {
    if (field.number === number && field.type === bytesType)
      readKeyValue(bytes, field, attributes, depth);
  });
  return attributes;
};

const readEvent = (bytes: Buffer, message: Field): SpanEvent => {
  const event = { timeNs: 0n, name: '', attributes: new Map<string, AttributeValue>() };
  eachField(bytes, message.from, message.to, (field) => {
    if (field.number === 1 && field.type === fixed64Type)
      event.timeNs = readFixed64(bytes, field.from);
    else if (field.type !== bytesType) return;
    else if (field.number === 2) event.name = text(bytes, field);
    else if (field.number === 3) readKeyValue(bytes, field, event.attributes, 0);
  });
  return event;
};

const readLink = (bytes: Buffer, message: Field): SpanLink => {
  const link = {
    traceId: '',
    spanId: '',
    traceState: '',
    attributes: new Map<string, AttributeValue>(),
  };
  eachField(bytes, message.from, message.to, (field) => {
    if (field.type !== bytesType) return;
    if (field.number === 1) link.traceId = id(bytes, field);
    else if (field.number === 2) link.spanId = id(bytes, field);
    else if (field.number === 3) link.traceState = text(bytes, field);
    else if (field.number === 4) readKeyValue(bytes, field, link.attributes, 0);
  });
  return link;
};

const readSpan = (bytes: Buffer, message: Field): Span => {
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  const attributes = new Map<string, AttributeValue>();
  // oxfmt-ignore
  const span = { traceId: '', spanId: '', parentSpanId: '', traceState: '', name: '', kind: 0, startNs: 0n, endNs: 0n, statusCode: 0, statusMessage: '' };
  const onBytes = (field: Field): void => {
    switch (field.number) {
      case 1:
        span.traceId = id(bytes, field);
        return;
      case 2:
        span.spanId = id(bytes, field);
        return;
      case 3:
        span.traceState = text(bytes, field);
        return;
      case 4:
        span.parentSpanId = id(bytes, field);
        return;
      case 5:
        span.name = text(bytes, field);
        return;
      case 9:
        readKeyValue(bytes, field, attributes, 0);
        return;
      case 11:
        events.push(readEvent(bytes, field));
        return;
      case 13:
        links.push(readLink(bytes, field));
        return;
      case 15:
        eachField(bytes, field.from, field.to, (part) => {
          if (part.number === 2 && part.type === bytesType) span.statusMessage = text(bytes, part);
          else if (part.number === 3 && part.type === varintType)
            span.statusCode = Number(unsigned(bytes, part));
        });
    }
  };
  eachField(bytes, message.from, message.to, (field) => {
    if (field.type === bytesType) onBytes(field);
    else if (field.number === 6 && field.type === varintType)
      span.kind = Number(unsigned(bytes, field));
    else if (field.number === 7 && field.type === fixed64Type)
      span.startNs = readFixed64(bytes, field.from);
    else if (field.number === 8 && field.type === fixed64Type)
      span.endNs = readFixed64(bytes, field.from);
  });
  return { ...span, attributes, events, links };
};

/** Every span of a request. Resource and scope are decoded once for all spans below them. */
export const decodeSpans = (bytes: Buffer): PlacedSpan[] => {
  const placed: PlacedSpan[] = [];
  const inScope = (message: Field, resource: Attributes): void => {
    const scope = { scopeName: '', scopeVersion: '' };
    const spans: Span[] = [];
    eachField(bytes, message.from, message.to, (field) => {
      if (field.type !== bytesType) return;
      if (field.number === 2) spans.push(readSpan(bytes, field));
      else if (field.number === 1) {
        eachField(bytes, field.from, field.to, (part) => {
          if (part.type !== bytesType) return;
          if (part.number === 1) scope.scopeName = text(bytes, part);
          else if (part.number === 2) scope.scopeVersion = text(bytes, part);
        });
      }
    });
    for (const span of spans) placed.push({ resource, ...scope, span });
  };
  const inResource = (message: Field): void => {
    const resource = new Map<string, AttributeValue>();
    const scopes: Field[] = [];
    eachField(bytes, message.from, message.to, (field) => {
      if (field.type !== bytesType) return;
      // the resource may stand behind its scopes
      if (field.number === 2) scopes.push({ ...field });
      else if (field.number === 1) {
        for (const [key, value] of readAttributes(bytes, field, 1, 0)) resource.set(key, value);
      }
    });
    for (const scope of scopes) inScope(scope, resource);
  };
  eachField(bytes, 0, bytes.length, (field) => {
    if (field.number === 1 && field.type === bytesType) inResource(field);
  });
  return placed;
};
