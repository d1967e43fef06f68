import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { decodeSpans } from '../../../../trace-router/src/otlp/decode.ts';
import { asText, toRow } from '../../../../trace-router/src/edge/clickhouse/row.ts';
import type { AttributeValue } from '../../../../trace-router/src/model/span.ts';
import { encodeRequest } from '../../otlp-proto.ts';
import { damaged } from '../../wire-arbitraries.ts';

const rowOf = (
  span: Record<string, unknown>,
  resource: Record<string, unknown>[] = [],
): unknown => {
  const [placed] = decodeSpans(
    encodeRequest({
      resourceSpans: [
        {
          scopeSpans: [{ scope: { name: 'sc', version: 'v1' }, spans: [span] }],
          resource: { attributes: resource },
        },
      ],
    }),
  );
  return placed === undefined ? null : JSON.parse(toRow(placed));
};
const attribute = (value: Record<string, unknown>): unknown => {
  const row = rowOf({ attributes: [{ key: 'k', value }] });
  return typeof row === 'object' && row !== null && 'SpanAttributes' in row
    ? row.SpanAttributes
    : null;
};

test('a span becomes a row in the words of the clickhouse exporter', () => {
  const row = rowOf(
    {
      traceId: Buffer.alloc(16, 0xab),
      spanId: Buffer.alloc(8, 1),
      parentSpanId: Buffer.alloc(8),
      traceState: 'a=b',
      name: 'chat "gpt"',
      kind: 3,
      startTimeUnixNano: '1790000000000000000',
      endTimeUnixNano: '1790000000000000250',
      status: { code: 2, message: 'broke\n' },
      events: [
        { timeUnixNano: 5, name: 'e', attributes: [{ key: 'x', value: { boolValue: true } }] },
      ],
      links: [{ traceId: Buffer.alloc(16, 2), spanId: Buffer.alloc(8, 3), traceState: 'l' }],
    },
    [{ key: 'service.name', value: { stringValue: 'shop' } }],
  );
  expect(row).toMatchObject({
    TraceId: 'ab'.repeat(16),
    SpanId: '01'.repeat(8),
    ParentSpanId: '',
    TraceState: 'a=b',
    SpanName: 'chat "gpt"',
    SpanKind: 'Client',
    ServiceName: 'shop',
    ResourceAttributes: { 'service.name': 'shop' },
    ScopeName: 'sc',
    ScopeVersion: 'v1',
    Duration: 250,
    StatusCode: 'Error',
    StatusMessage: 'broke\n',
    'Events.Name': ['e'],
    'Events.Attributes': [{ x: 'true' }],
    'Links.TraceId': ['02'.repeat(16)],
    'Links.TraceState': ['l'],
  });
});

test('times are exact to the nanosecond, and one beyond the column is cut to its end', () => {
  const text = (startTimeUnixNano: string) => {
    const [placed] = decodeSpans(
      encodeRequest({ resourceSpans: [{ scopeSpans: [{ spans: [{ startTimeUnixNano }] }] }] }),
    );
    return placed === undefined ? '' : toRow(placed);
  };
  expect(text('1790000000123456789')).toContain('"Timestamp":1790000000123456789,');
  expect(text('18446744073709551615')).toContain('"Timestamp":9223372036854775807,');
});

// oxfmt-ignore
test.each([
  [{ stringValue: 'a<b' }, 'a<b'],
  [{ boolValue: false }, 'false'],
  [{ intValue: '-9223372036854775808' }, '-9223372036854775808'],
  [{ doubleValue: 0.1 }, '0.1'],
  [{ doubleValue: 1e21 }, '1e+21'],
  [{ bytesValue: Buffer.from([1, 2, 255]) }, 'AQL/'],
  [{ arrayValue: { values: [{ stringValue: 'a<b' }, { intValue: 3 }, { doubleValue: 1.5 }, {}] } }, '["a\\u003cb",3,1.5,null]'],
  [{ kvlistValue: { values: [{ key: 'z', value: { intValue: 1 } }, { key: 'a', value: { boolValue: true } }] } }, '{"a":true,"z":1}'],
])('the attribute value %j is the text %s', (value, text) => {
  expect(attribute(value)).toEqual({ k: text });
});

test('no number is not JSON, and is said in the words of the exporter', () => {
  expect(asText({ kind: 'double', value: Number.NaN })).toBe('json: unsupported value: NaN');
  expect(asText({ kind: 'double', value: -Infinity })).toBe('json: unsupported value: -Inf');
});

test('half a surrogate pair in a text is not what ClickHouse refuses a row for', () => {
  const text = { kind: 'text', value: 'a\ud800' } as const;
  const attributes = new Map<string, AttributeValue>([
    ['k\udfff', text],
    ['nested', { kind: 'list', values: [text] }],
  ]);
  const [placed] = decodeSpans(
    encodeRequest({ resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] }),
  );
  if (placed === undefined) throw new Error('one span');
  const span = { ...placed.span, name: '\ud800', attributes };
  const line = toRow({ ...placed, scopeName: 'sc\ud800', span });
  expect(line).not.toMatch(/\\ud/);
  expect(JSON.parse(line)).toMatchObject({
    SpanName: '\ufffd',
    ScopeName: 'sc\ufffd',
    SpanAttributes: { 'k\ufffd': 'a\ufffd', nested: '["a\ufffd"]' },
  });
});

test('damaged requests never crash the decoder, and what it makes of them is valid JSON', () => {
  fc.assert(
    fc.property(damaged, (bytes) => {
      for (const placed of decodeSpans(bytes))
        expect(() => JSON.parse(toRow(placed))).not.toThrow();
    }),
    { numRuns: 1000 },
  );
});

test('a value nested ten thousand deep does not exhaust the stack', () => {
  let body = Buffer.from([0x10, 1]);
  const field = (tag: number, content: Buffer) => {
    const head: number[] = [tag];
    let size = content.length;
    for (; size >= 128; size >>= 7) head.push((size & 127) | 128);
    head.push(size);
    return Buffer.concat([Buffer.from(head), content]);
  };
  for (let i = 0; i < 10_000; i += 1) body = field(0x2a, field(0x0a, body));
  const span = field(0x4a, Buffer.concat([field(0x0a, Buffer.from('k')), field(0x12, body)]));
  expect(decodeSpans(field(0x0a, field(0x12, field(0x12, span)))).map(toRow)).toHaveLength(1);
});
