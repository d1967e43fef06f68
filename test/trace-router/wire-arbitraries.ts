/** Hand-made protobuf: valid requests as no ordinary encoder writes them, and bytes that are broken on purpose. */
import * as fc from 'fast-check';

const varint = (value: number | bigint): number[] => {
  const out: number[] = [];
  let rest = BigInt(value);
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return out;
};

/** A varint with useless continuation bytes: legal, rare, and met by every decoder some day. */
const padded = (value: number, extra: number): number[] => {
  const out = varint(value);
  for (let i = 0; i < extra; i += 1) {
    out[out.length - 1] = (out.at(-1) ?? 0) | 0x80;
    out.push(0);
  }
  return out;
};

export const bytesField = (field: number, body: readonly number[], pad = 0): number[] => [
  ...padded(field * 8 + 2, pad),
  ...padded(body.length, pad),
  ...body,
];
const varintField = (field: number, value: number | bigint) => [
  ...varint(field * 8),
  ...varint(value),
];
const fixed64Field = (field: number, body: readonly number[]) => [
  ...varint(field * 8 + 1),
  ...body,
];
const fixed32Field = (field: number, body: readonly number[]) => [
  ...varint(field * 8 + 5),
  ...body,
];
const group = (field: number, body: readonly number[]) => [
  ...varint(field * 8 + 3),
  ...body,
  ...varint(field * 8 + 4),
];
const text = (value: string) => [...Buffer.from(value)];
const bytes = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((array) => [...array]);

/** Few trace ids, so that traces have several spans. */
const traceId = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.integer({ min: 1, max: 12 }).map((n) => Array<number>(15).fill(7).concat(n)),
  },
  { weight: 4, arbitrary: bytes(16) },
  { weight: 1, arbitrary: fc.constant(Array<number>(16).fill(0)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((array) => [...array]) },
);
const pad = fc.oneof(
  { weight: 9, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
);

const attribute = fc
  .string({ maxLength: 6 })
  .map((value) =>
    bytesField(9, [...bytesField(1, text('k')), ...bytesField(2, bytesField(1, text(value)))]),
  );
/** Fields nobody has named yet, groups among them. */
const unknown = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((n) => varintField(501, n)),
  bytes(8).map((body) => fixed64Field(502, body)),
  bytes(4).map((body) => fixed32Field(503, body)),
  fc.string({ maxLength: 300 }).map((value) => bytesField(504, text(value))),
  fc.constant(group(505, [...varintField(1, 5), ...group(506, bytesField(2, [1, 2]))])),
);

const spanField = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(traceId, pad).map(([id, p]) => bytesField(1, id, p)) },
  bytes(8).map((body) => bytesField(2, body)),
  bytes(8).map((body) => bytesField(4, body)),
  fc.string({ maxLength: 200 }).map((name) => bytesField(5, text(name))),
  bytes(8).map((body) => fixed64Field(7, body)),
  fc.integer({ min: 0, max: 5 }).map((kind) => varintField(6, kind)),
  attribute,
  fc.constant(bytesField(15, [...varintField(3, 2), ...bytesField(2, text('broke'))])),
  bytes(8).map((body) => fixed64Field(1000, body)),
  unknown,
);

const span = fc
  .tuple(traceId, fc.array(spanField, { maxLength: 6 }), fc.integer({ min: 0, max: 3 }))
  .map(([id, fields, kind]) => {
    const own = bytesField(1, id);
    // usual encoders put the id first; the rest of the world need not
    if (kind === 0) return [...fields.flat(), ...own];
    if (kind === 1) return fields.flat();
    return [...own, ...fields.flat()];
  });

const scopeSpans = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.tuple(span, pad).map(([body, p]) => bytesField(2, body, p)) },
        fc.string({ maxLength: 8 }).map((name) => bytesField(1, bytesField(1, text(name)))),
        fc.string({ maxLength: 8 }).map((url) => bytesField(3, text(url))),
        fc.integer({ min: 0, max: 1000 }).map((n) => varintField(44, n)),
        unknown,
      ),
      { maxLength: 14 },
    ),
  )
  .map(([fields]) => fields.flat());

const resourceSpans = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.tuple(scopeSpans, pad).map(([body, p]) => bytesField(2, body, p)),
      },
      fc
        .string({ maxLength: 8 })
        .map((name) =>
          bytesField(
            1,
            bytesField(1, [
              ...bytesField(1, text('a')),
              ...bytesField(2, bytesField(1, text(name))),
            ]),
          ),
        ),
      fc.string({ maxLength: 8 }).map((url) => bytesField(3, text(url))),
      fc.string({ maxLength: 8 }).map((value) => bytesField(99, text(value))),
      unknown,
    ),
    { maxLength: 5 },
  )
  .map((fields) => fields.flat());

/** A valid request: any order of fields, repeated singular fields, unknown fields, groups, empty envelopes. */
export const request = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: resourceSpans.map((body) => bytesField(1, body)) },
      fc.string({ maxLength: 5 }).map((value) => bytesField(77, text(value))),
      unknown,
    ),
    { maxLength: 5 },
  )
  .map((fields) => Buffer.from(fields.flat()));

/** A valid request with some bytes changed, removed or cut off. */
export const damaged = fc
  .tuple(
    request,
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.integer({ min: 0, max: 2 })), {
      minLength: 1,
      maxLength: 6,
    }),
    fc.nat(),
    fc.boolean(),
  )
  .map(([valid, edits, cut, truncate]) => {
    const out = [...valid];
    for (const [where, value, how] of edits) {
      const at = out.length === 0 ? 0 : where % out.length;
      if (how === 0) out[at] = value;
      else if (how === 1) out.splice(at, 1);
      else out.splice(at, 0, value);
    }
    return Buffer.from(truncate && out.length > 0 ? out.slice(0, cut % out.length) : out);
  });
