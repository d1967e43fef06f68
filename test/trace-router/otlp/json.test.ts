import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { otlpJsonToProtobuf } from '../../../trace-router/src/otlp/json.ts';
import { encodeRequest, requestType } from '../otlp-proto.ts';

const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((array) => Buffer.from(array).toString('hex'));
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String);
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(String);
const { value: anyValue } = fc.letrec<{ value: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string().map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    int64.map((intValue) => ({ intValue })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((doubleValue) => ({ doubleValue })),
    fc.uint8Array().map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc
      .array(fc.record({ key: fc.string(), value: tie('value') }), { maxLength: 3 })
      .map((values) => ({ kvlistValue: { values } })),
  ),
}));
const attributes = fc.array(fc.record({ key: fc.string(), value: anyValue }), { maxLength: 4 });
const span = fc.record({
  traceId: hex(16),
  spanId: hex(8),
  parentSpanId: hex(8),
  traceState: fc.string(),
  name: fc.string(),
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: uint64,
  endTimeUnixNano: uint64,
  attributes,
  events: fc.array(fc.record({ timeUnixNano: uint64, name: fc.string(), attributes }), {
    maxLength: 2,
  }),
  links: fc.array(fc.record({ traceId: hex(16), spanId: hex(8), attributes }), { maxLength: 2 }),
  status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: fc.string() }),
  flags: fc.integer({ min: 0, max: 0xffffffff }),
});
const request = fc.record({
  resourceSpans: fc.array(
    fc.record({
      resource: fc.record({ attributes }),
      schemaUrl: fc.string(),
      scopeSpans: fc.array(
        fc.record({
          scope: fc.record({ name: fc.string(), attributes }),
          spans: fc.array(span, { maxLength: 3 }),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
});

/** protobufjs reads bytes from base64; OTLP/JSON writes ids in hex. Attribute bytes are base64 in both. */
const withBase64Ids = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withBase64Ids);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      ['traceId', 'spanId', 'parentSpanId'].includes(key) && typeof entry === 'string'
        ? Buffer.from(entry, 'hex').toString('base64')
        : withBase64Ids(entry),
    ]),
  );
};
const decoded = (bytes: Buffer) =>
  JSON.stringify(
    requestType.toObject(requestType.decode(bytes), {
      longs: String,
      bytes: String,
      defaults: true,
    }),
  );

test('a JSON request becomes the protobuf that the official mapping gives', () => {
  fc.assert(
    fc.property(request, fc.boolean(), (document, upper) => {
      const text = JSON.stringify(document, (key, value: unknown) =>
        upper && key.endsWith('Id') && typeof value === 'string' ? value.toUpperCase() : value,
      );
      const ours = otlpJsonToProtobuf(Buffer.from(text));
      if (typeof ours === 'string') throw new Error(ours);
      const expected = withBase64Ids(document);
      if (typeof expected !== 'object' || expected === null) throw new Error('an object stays one');
      expect(decoded(ours)).toBe(decoded(encodeRequest({ ...expected })));
    }),
    { numRuns: 200 },
  );
});

test.each([
  ['{', 'the body is not JSON'],
  ['[]', 'the body must be an object'],
  ['{"resourceSpans":{}}', 'resourceSpans must be a list'],
  [
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_CLIENT"}]}]}]}',
    'resourceSpans[0].scopeSpans[0].spans[0].kind is not a valid enum',
  ],
  [
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]}',
    'resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano is not a valid fixed64',
  ],
])('%s is refused: %s', (text, problem) => {
  expect(otlpJsonToProtobuf(Buffer.from(text))).toBe(problem);
});

test('any JSON, however deep, is translated or refused, never thrown at us', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      otlpJsonToProtobuf(Buffer.from(text));
    }),
  );
  const deep = `${'{"arrayValue":{"values":['.repeat(3000)}${']}}'.repeat(3000)}`;
  const text = `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${deep}}]}}]}`;
  expect(otlpJsonToProtobuf(Buffer.from(text))).toContain('nested deeper');
});
