/**
 * OTLP/JSON to OTLP/protobuf: the slow road, after which a request is like any other. What differs from ordinary
 * protobuf JSON: ids are hex in any case (never base64), enums are integers, names are lowerCamelCase only, unknown
 * names are passed over. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import {
  bytesField,
  doubleField,
  fixed32Field,
  fixed64Field,
  varintField,
} from './protobuf-out.ts';

type Kind =
  | 'hex'
  | 'text'
  | 'enum'
  | 'uint32'
  | 'fixed32'
  | 'fixed64'
  | 'int64'
  | 'bool'
  | 'double'
  | 'base64';
interface Field {
  readonly number: number;
  readonly kind: Kind | Message;
  readonly repeated?: true;
}
/** A function, because messages contain one another. */
type Message = () => Readonly<Record<string, Field>>;

// oxfmt-ignore
const arrayValue: Message = () => ({ values: { number: 1, kind: anyValue, repeated: true } });
// oxfmt-ignore
const keyValueList: Message = () => ({ values: { number: 1, kind: keyValue, repeated: true } });
// oxfmt-ignore
const anyValue: Message = () => ({
  stringValue: { number: 1, kind: 'text' }, boolValue: { number: 2, kind: 'bool' }, intValue: { number: 3, kind: 'int64' },
  doubleValue: { number: 4, kind: 'double' }, arrayValue: { number: 5, kind: arrayValue }, kvlistValue: { number: 6, kind: keyValueList },
  bytesValue: { number: 7, kind: 'base64' },
});
const keyValue: Message = () => ({
  key: { number: 1, kind: 'text' },
  value: { number: 2, kind: anyValue },
});
// oxfmt-ignore
const event: Message = () => ({
  timeUnixNano: { number: 1, kind: 'fixed64' }, name: { number: 2, kind: 'text' }, attributes: { number: 3, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 4, kind: 'uint32' },
});
// oxfmt-ignore
const link: Message = () => ({
  traceId: { number: 1, kind: 'hex' }, spanId: { number: 2, kind: 'hex' }, traceState: { number: 3, kind: 'text' },
  attributes: { number: 4, kind: keyValue, repeated: true }, droppedAttributesCount: { number: 5, kind: 'uint32' }, flags: { number: 6, kind: 'fixed32' },
});
const status: Message = () => ({
  message: { number: 2, kind: 'text' },
  code: { number: 3, kind: 'enum' },
});
// oxfmt-ignore
const span: Message = () => ({
  traceId: { number: 1, kind: 'hex' }, spanId: { number: 2, kind: 'hex' }, traceState: { number: 3, kind: 'text' }, parentSpanId: { number: 4, kind: 'hex' },
  name: { number: 5, kind: 'text' }, kind: { number: 6, kind: 'enum' }, startTimeUnixNano: { number: 7, kind: 'fixed64' },
  endTimeUnixNano: { number: 8, kind: 'fixed64' }, attributes: { number: 9, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 10, kind: 'uint32' }, events: { number: 11, kind: event, repeated: true },
  droppedEventsCount: { number: 12, kind: 'uint32' }, links: { number: 13, kind: link, repeated: true }, droppedLinksCount: { number: 14, kind: 'uint32' },
  status: { number: 15, kind: status }, flags: { number: 16, kind: 'fixed32' },
});
// oxfmt-ignore
const scope: Message = () => ({
  name: { number: 1, kind: 'text' }, version: { number: 2, kind: 'text' }, attributes: { number: 3, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 4, kind: 'uint32' },
});
// oxfmt-ignore
const scopeSpans: Message = () => ({
  scope: { number: 1, kind: scope }, spans: { number: 2, kind: span, repeated: true }, schemaUrl: { number: 3, kind: 'text' },
});
const resource: Message = () => ({
  attributes: { number: 1, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 2, kind: 'uint32' },
});
// oxfmt-ignore
const resourceSpans: Message = () => ({
  resource: { number: 1, kind: resource }, scopeSpans: { number: 2, kind: scopeSpans, repeated: true }, schemaUrl: { number: 3, kind: 'text' },
});
const request: Message = () => ({
  resourceSpans: { number: 1, kind: resourceSpans, repeated: true },
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Attribute values nest; JSON from outside must not choose the depth of our stack. */
const maxDepth = 64;

/** A 64-bit integer, which JSON may hold as text or as a number. */
const integer = (value: unknown): bigint | null => {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : null;
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
};
const within = (value: bigint | null, least: bigint, most: bigint): bigint | null =>
  value !== null && value >= least && value <= most ? value : null;

const infinities: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
};

const encodeScalar = (field: number, kind: Kind, value: unknown): Buffer | null => {
  const number = (least: bigint, most: bigint) => within(integer(value), least, most);
  switch (kind) {
    case 'text':
      return typeof value === 'string' ? bytesField(field, value) : null;
    case 'hex':
      return typeof value === 'string' && /^([\da-f]{2})*$/i.test(value)
        ? bytesField(field, Buffer.from(value, 'hex'))
        : null;
    case 'base64':
      return typeof value === 'string' ? bytesField(field, Buffer.from(value, 'base64')) : null;
    case 'bool':
      return typeof value === 'boolean' ? varintField(field, value ? 1 : 0) : null;
    case 'double': {
      const given = typeof value === 'string' ? (infinities[value] ?? Number(value || 'x')) : value;
      if (typeof given !== 'number') return null;
      return Number.isNaN(given) && value !== 'NaN' ? null : doubleField(field, given);
    }
    case 'enum':
    case 'uint32': {
      const found = typeof value === 'string' && kind === 'enum' ? null : number(0n, 0xffffffffn);
      return found === null ? null : varintField(field, found);
    }
    case 'fixed32': {
      const found = number(0n, 0xffffffffn);
      return found === null ? null : fixed32Field(field, Number(found));
    }
    case 'fixed64': {
      const found = number(0n, (1n << 64n) - 1n);
      return found === null ? null : fixed64Field(field, found);
    }
    case 'int64': {
      const found = number(-(1n << 63n), (1n << 63n) - 1n);
      return found === null ? null : varintField(field, found);
    }
  }
};

/** A request as protobuf, or what is wrong with it and where. */
export const otlpJsonToProtobuf = (body: Buffer): Buffer | string => {
  let document: unknown;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch {
    return 'the body is not JSON';
  }
  let problem: string | null = null;
  const complain = (path: string, text: string): Buffer[] => {
    problem ??= `${path === '' ? 'the body' : path.slice(1)} ${text}`;
    return [];
  };
  const encode = (value: unknown, message: Message, path: string, depth: number): Buffer[] => {
    if (problem !== null) return [];
    if (!isRecord(value)) return complain(path, 'must be an object');
    if (depth > maxDepth) return complain(path, `is nested deeper than ${maxDepth}`);
    const fields = message();
    return Object.entries(value).flatMap(([name, content]) => {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (field === undefined || content === null) return [];
      const { number, kind } = field;
      const one = (entry: unknown, at: string): Buffer[] => {
        if (typeof kind === 'function') {
          return [bytesField(number, Buffer.concat(encode(entry, kind, at, depth + 1)))];
        }
        const scalar = encodeScalar(number, kind, entry);
        return scalar === null ? complain(at, `is not a valid ${kind}`) : [scalar];
      };
      if (field.repeated !== true) return one(content, `${path}.${name}`);
      if (!Array.isArray(content)) return complain(`${path}.${name}`, 'must be a list');
      return content.flatMap((entry, i) => one(entry, `${path}.${name}[${i}]`));
    });
  };
  const encoded = Buffer.concat(encode(document, request, '', 0));
  return problem ?? encoded;
};
