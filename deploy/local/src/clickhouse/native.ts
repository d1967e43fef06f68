/**
 * ClickHouse's Native format for clients that name a protocol revision (`client_protocol_version`): clickhouse-go, and with it Grafana's
 * data source. The engine writes revision 0. A later one differs in two things only: a block begins with its info, and after a column's
 * type stands a byte that says whether its serialization is a special one. To put that byte in, the length of each column must be known,
 * so this walks over the data by type.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Formats/NativeWriter.cpp
 */
import { refusal } from './errors.ts';

/** From here on a column carries the byte. `DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION` */
const customSerialization = 54_454;
/** Field 1: no overflow row; field 2: bucket -1, none; end. */
const blockInfo = Uint8Array.of(1, 0, 2, 255, 255, 255, 255, 0);

/** How a type lies in bytes. */
type Shape =
  | { readonly kind: 'fixed'; readonly sizeBytes: number }
  | { readonly kind: 'string' }
  | { readonly kind: 'nullable' | 'array' | 'dictionary'; readonly of: Shape }
  | { readonly kind: 'tuple'; readonly of: readonly Shape[] };

// oxfmt-ignore
const sizes: Readonly<Record<string, number>> = {
  Bool: 1, Int8: 1, UInt8: 1, Enum8: 1, Nothing: 1, Int16: 2, UInt16: 2, Enum16: 2, Date: 2, BFloat16: 2,
  Int32: 4, UInt32: 4, Float32: 4, Date32: 4, DateTime: 4, Time: 4, IPv4: 4, Decimal32: 4,
  Int64: 8, UInt64: 8, Float64: 8, DateTime64: 8, Time64: 8, Decimal64: 8,
  Int128: 16, UInt128: 16, UUID: 16, IPv6: 16, Decimal128: 16, Int256: 32, UInt256: 32, Decimal256: 32,
};

const point: Shape = {
  kind: 'tuple',
  of: [8, 8].map((sizeBytes) => ({ kind: 'fixed', sizeBytes })),
};
const arrayOf = (of: Shape): Shape => ({ kind: 'array', of });

/** `Tuple(a UInt8, Map(String, UInt8))` into `['a UInt8', 'Map(String, UInt8)']`. */
const splitArguments = (text: string): readonly string[] => {
  const parts = [''];
  let depth = 0;
  for (const [piece] of text.matchAll(/'(?:[^'\\]|\\[^])*'|`(?:[^`\\]|\\[^])*`|[^]/g)) {
    if (piece === '(') depth += 1;
    if (piece === ')') depth -= 1;
    if (piece === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${piece}`);
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
};

/** An element of a tuple may have a name before its type. */
const unnamed = (element: string): string =>
  /^(?:`(?:[^`\\]|\\[^])*`|\w+) (?=\w)/.test(element)
    ? element.replace(/^(?:`(?:[^`\\]|\\[^])*`|\w+) /, '')
    : element;

const decimalBytes = (precision: number) =>
  precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;

/** An empty tuple takes a byte, so that rows can be counted. */
const tupleOf = (elements: readonly string[]): Shape =>
  elements.length === 0
    ? { kind: 'fixed', sizeBytes: 1 }
    : { kind: 'tuple', of: elements.map((element) => shapeOf(unnamed(element))) };

/** Types that are made of others, from what stands in their brackets. */
const composed: Readonly<Record<string, (inner: readonly string[]) => Shape>> = {
  String: () => ({ kind: 'string' }),
  FixedString: ([length]) => ({ kind: 'fixed', sizeBytes: Number(length) }),
  Decimal: ([precision]) => ({ kind: 'fixed', sizeBytes: decimalBytes(Number(precision)) }),
  Nullable: ([type = '']) => ({ kind: 'nullable', of: shapeOf(type) }),
  Array: ([type = '']) => arrayOf(shapeOf(type)),
  LowCardinality: ([type = '']) => {
    const of = shapeOf(type);
    // The dictionary holds bare values; NULL is its first entry.
    return { kind: 'dictionary', of: of.kind === 'nullable' ? of.of : of };
  },
  SimpleAggregateFunction: ([, type = '']) => shapeOf(type),
  Tuple: tupleOf,
  Map: (inner) => arrayOf({ kind: 'tuple', of: inner.map(shapeOf) }),
  Nested: (inner) =>
    arrayOf({ kind: 'tuple', of: inner.map((element) => shapeOf(unnamed(element))) }),
  Point: () => point,
  Ring: () => arrayOf(point),
  LineString: () => arrayOf(point),
  Polygon: () => arrayOf(arrayOf(point)),
  MultiLineString: () => arrayOf(arrayOf(point)),
  MultiPolygon: () => arrayOf(arrayOf(arrayOf(point))),
};

/** @throws Refusal for types whose length cannot be told without understanding their content. */
const shapeOf = (type: string): Shape => {
  const [, name = '', text = ''] = /^(\w+)(?:\(([^]*)\))?$/.exec(type) ?? [];
  const sizeBytes = sizes[name] ?? (name.startsWith('Interval') ? 8 : undefined);
  if (sizeBytes !== undefined) return { kind: 'fixed', sizeBytes };
  const compose = Object.hasOwn(composed, name) ? composed[name] : undefined;
  if (compose !== undefined) return compose(splitArguments(text));
  throw refusal(
    'NOT_IMPLEMENTED',
    `A column of type ${type} cannot be sent as Native to a client with client_protocol_version; cast it, for example to String`,
  );
};

/** Bytes before a column's data: the version of each dictionary in it. */
const prefixBytes = (shape: Shape): number => {
  switch (shape.kind) {
    case 'fixed':
    case 'string':
      return 0;
    case 'nullable':
    case 'array':
      return prefixBytes(shape.of);
    case 'dictionary':
      return 8;
    case 'tuple':
      return shape.of.reduce((sum, one) => sum + prefixBytes(one), 0);
  }
};

const varint = (data: Buffer, at: number): readonly [value: number, end: number] => {
  let value = 0;
  for (let i = at, scale = 1; ; i += 1, scale *= 128) {
    const byte = data.readUInt8(i);
    value += (byte & 127) * scale;
    if (byte < 128) return [value, i + 1];
  }
};

const count = (data: Buffer, at: number): number => Number(data.readBigUInt64LE(at));

/** Where `rows` values of a shape end that begin at `at`. */
const skip = (data: Buffer, shape: Shape, rows: number, at: number): number => {
  if (rows === 0) return at;
  switch (shape.kind) {
    case 'fixed':
      return at + rows * shape.sizeBytes;
    case 'string': {
      let end = at;
      for (let row = 0; row < rows; row += 1) {
        const [length, start] = varint(data, end);
        end = start + length;
      }
      return end;
    }
    case 'nullable':
      return skip(data, shape.of, rows, at + rows);
    case 'array': {
      const end = at + rows * 8;
      return skip(data, shape.of, count(data, end - 8), end);
    }
    case 'tuple':
      return shape.of.reduce((end, one) => skip(data, one, rows, end), at);
    case 'dictionary': {
      const flags = data.readBigUInt64LE(at);
      const keys = count(data, at + 8);
      const indexes = skip(data, shape.of, keys, at + 16);
      // The low byte says how wide an index is: 1, 2, 4 or 8 bytes.
      return indexes + 8 + count(data, indexes) * 2 ** Number(flags & 255n);
    }
  }
};

const textAt = (data: Buffer, at: number): readonly [text: string, end: number] => {
  const [length, start] = varint(data, at);
  return [data.toString('utf8', start, start + length), start + length];
};

/**
 * Native data of revision 0, as a client of `revision` reads them.
 * @throws Refusal for a column of a type that cannot be walked over (JSON, Dynamic, Variant, AggregateFunction).
 */
export const withRevision = (plain: Buffer, revision: number): Buffer => {
  if (revision <= 0) return plain;
  const ordinary = Uint8Array.of(0);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < plain.length;) {
    pieces.push(blockInfo);
    const [columns, afterColumns] = varint(plain, at);
    const [rows, afterRows] = varint(plain, afterColumns);
    pieces.push(plain.subarray(at, afterRows));
    at = afterRows;
    for (let column = 0; column < columns; column += 1) {
      const [, afterName] = textAt(plain, at);
      const [type, afterType] = textAt(plain, afterName);
      const shape = shapeOf(type);
      const start = rows === 0 ? afterType : afterType + prefixBytes(shape);
      const end = skip(plain, shape, rows, start);
      pieces.push(plain.subarray(at, afterType));
      if (revision >= customSerialization) pieces.push(ordinary);
      pieces.push(plain.subarray(afterType, end));
      at = end;
    }
  }
  return Buffer.concat(pieces);
};
