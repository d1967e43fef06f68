/**
 * OTLP/JSON to OTLP/protobuf: the slow way, after which a request is like any other. What differs from ordinary
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
import { request } from './messages.ts';
import type { Kind, Message } from './messages.ts';

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

const maxUint32 = 0xffffffffn;

/** Each writes a value under a field number; null: it is none of that kind. */
const encoders: Readonly<Record<Kind, (field: number, value: unknown) => Buffer | null>> = {
  text: (field, value) => (typeof value === 'string' ? bytesField(field, value) : null),
  hex: (field, value) =>
    typeof value === 'string' && /^([\da-f]{2})*$/i.test(value)
      ? bytesField(field, Buffer.from(value, 'hex'))
      : null,
  base64: (field, value) =>
    typeof value === 'string' ? bytesField(field, Buffer.from(value, 'base64')) : null,
  bool: (field, value) => (typeof value === 'boolean' ? varintField(field, value ? 1 : 0) : null),
  double: (field, value) => {
    const given = typeof value === 'string' ? (infinities[value] ?? Number(value || 'x')) : value;
    if (typeof given !== 'number') return null;
    return Number.isNaN(given) && value !== 'NaN' ? null : doubleField(field, given);
  },
  enum: (field, value) => (typeof value === 'string' ? null : encoders.uint32(field, value)),
  uint32: (field, value) => {
    const found = within(integer(value), 0n, maxUint32);
    return found === null ? null : varintField(field, found);
  },
  fixed32: (field, value) => {
    const found = within(integer(value), 0n, maxUint32);
    return found === null ? null : fixed32Field(field, Number(found));
  },
  fixed64: (field, value) => {
    const found = within(integer(value), 0n, (1n << 64n) - 1n);
    return found === null ? null : fixed64Field(field, found);
  },
  int64: (field, value) => {
    const found = within(integer(value), -(1n << 63n), (1n << 63n) - 1n);
    return found === null ? null : varintField(field, found);
  },
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
        const scalar = encoders[kind](number, entry);
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
