import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startScanner } from '../../../trace-router/src/otlp/scan.ts';
import { nobody, split } from '../../../trace-router/src/otlp/split.ts';
import type { Part } from '../../../trace-router/src/otlp/split.ts';
import { intList, item, push } from '../../../trace-router/src/model/int-list.ts';
import { encodeRequest, spansOf, validTraceId } from '../otlp-proto.ts';
import type { Seen } from '../otlp-proto.ts';
import { bytesField, damaged, request } from '../wire-arbitraries.ts';

const scan = startScanner();
const noLimit = Number.MAX_SAFE_INTEGER;

/** Splits by slot over `owners` members, as the router does. Null: not a request. */
const splitOver = (bytes: Buffer, owners: number): (Part[] & { rejected?: number }) | null => {
  const found = scan(bytes);
  if (found === null) return null;
  const ownerOf = intList();
  for (let i = 0; i < found.spans; i += 1) push(ownerOf, item(found.slot, i) % owners);
  const parts = split(found, ownerOf, owners, noLimit);
  if (parts === null) throw new Error('there was no limit');
  return Object.assign(parts, { rejected: found.malformedSpans + found.unidentifiedSpans });
};

const texts = (spans: readonly Seen[]) => spans.map((span) => span.text).sort();

const checkParts = (bytes: Buffer, parts: readonly Part[]) => {
  const ownerOfTrace = new Map<string, number>();
  const out = parts.flatMap((part) => {
    const spans = spansOf(part.bytes);
    expect(spans.length).toBe(part.spans);
    for (const { traceId } of spans) {
      expect(ownerOfTrace.get(traceId) ?? part.owner).toBe(part.owner);
      ownerOfTrace.set(traceId, part.owner);
    }
    return spans;
  });
  const valid = spansOf(bytes).filter(({ traceId }) => validTraceId(traceId));
  expect(texts(out)).toEqual(texts(valid));
};

test('the parts together are the request, and no trace is in two of them, as a full decoder sees it', () => {
  fc.assert(
    fc.property(request, fc.integer({ min: 1, max: 9 }), (bytes, owners) => {
      const parts = splitOver(bytes, owners);
      expect(parts).not.toBeNull();
      checkParts(bytes, parts ?? []);
      const all = spansOf(bytes);
      expect(parts?.rejected).toBe(all.filter(({ traceId }) => !validTraceId(traceId)).length);
    }),
    { numRuns: 500 },
  );
});

test('a request damaged anywhere never crashes the splitter, and what it accepts it splits like a full decoder', () => {
  let accepted = 0;
  fc.assert(
    fc.property(damaged, (bytes) => {
      const parts = splitOver(bytes, 4);
      if (parts === null || parts.rejected !== 0) return;
      try {
        spansOf(bytes);
      } catch {
        return; // garbage inside a span: whoever decodes the span says so
      }
      accepted += 1;
      checkParts(bytes, parts);
    }),
    { numRuns: 3000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test('random bytes never crash the splitter', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      splitOver(Buffer.from(bytes), 3);
    }),
    { numRuns: 3000 },
  );
});

test('parts of two requests put one behind the other decode to the spans of both', () => {
  fc.assert(
    fc.property(request, request, (a, b) => {
      const [partsA, partsB] = [splitOver(a, 1) ?? [], splitOver(b, 1) ?? []];
      const both = Buffer.concat([...partsA, ...partsB].map((part) => part.bytes));
      const strip = (spans: readonly Seen[]) =>
        spans.map(({ traceId, spanId }) => traceId + spanId).sort();
      expect(strip(spansOf(both))).toEqual(
        strip([...spansOf(a), ...spansOf(b)].filter(({ traceId }) => validTraceId(traceId))),
      );
    }),
    { numRuns: 300 },
  );
});

const id = (last: number) => [...Array<number>(15).fill(9), last];
const oneSpan = (span: number[]) => Buffer.from(bytesField(1, bytesField(2, bytesField(2, span))));
const refused: readonly (readonly [string, Buffer])[] = [
  ['a truncated tag', Buffer.from([0x8a])],
  ['a truncated length', Buffer.from([0x0a, 0x80])],
  ['a length past the end', Buffer.from([0x0a, 0x05, 0x12])],
  ['a length of 4 GiB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['a length above 32 bits', Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x10])],
  ['a varint of eleven bytes', Buffer.from([0x08, ...Array<number>(10).fill(0x80), 0x01])],
  ['field number 0', Buffer.from([0x02, 0x00])],
  ['wire type 6', Buffer.from([0x0e])],
  ['wire type 7', Buffer.from([0x0f])],
  ['a group that never ends', Buffer.from([0x0b, 0x08, 0x01])],
  ['a group ended by another', Buffer.from([0x0b, 0x14])],
  ['a group end without a start', Buffer.from([0x0c])],
  ['groups nested a thousand deep', Buffer.from(Array<number>(1000).fill(0x0b))],
  ['a scope that lies about its length', Buffer.from(bytesField(1, [0x12, 0x7f, 0x00]))],
];
test.each(refused)('%s makes the request no request', (_name, bytes) => {
  expect(scan(bytes)).toBeNull();
});

test('a span that is no message is rejected alone, and its neighbours go on', () => {
  const good = bytesField(2, bytesField(1, id(1)));
  const bad = bytesField(2, [...bytesField(1, id(2)), 0x2a, 0x7f]);
  const bytes = Buffer.from(bytesField(1, bytesField(2, [...good, ...bad, ...good])));
  const parts = splitOver(bytes, 2);
  expect(parts?.rejected).toBe(1);
  expect(parts?.flatMap((part) => spansOf(part.bytes))).toHaveLength(2);
});

test('of two trace ids in one span the last one counts, as for every protobuf decoder', () => {
  const twice = oneSpan([...bytesField(1, id(1)), ...bytesField(5, [65]), ...bytesField(1, id(2))]);
  const once = oneSpan(bytesField(1, id(2)));
  const slotOf = (bytes: Buffer) => item(scan(bytes)?.slot ?? intList(), 0);
  expect(slotOf(twice)).toBe(slotOf(once));
});

test('a trace id of the wrong wire type is no trace id', () => {
  const found = scan(oneSpan([0x08, 0x01]));
  expect(found).toMatchObject({ spans: 0, unidentifiedSpans: 1 });
});

test('empty envelopes are not sent on, and an empty request has no parts', () => {
  expect(splitOver(Buffer.alloc(0), 3)).toHaveLength(0);
  const hollow = Buffer.from([...bytesField(1, []), ...bytesField(1, bytesField(2, []))]);
  expect(splitOver(hollow, 3)).toHaveLength(0);
});

test('spans of nobody are left out', () => {
  const bytes = encodeRequest({
    resourceSpans: [
      { scopeSpans: [{ spans: [1, 2, 3].map((n) => ({ traceId: Buffer.from(id(n)) })) }] },
    ],
  });
  const found = scan(bytes);
  const ownerOf = intList();
  for (const owner of [nobody, 0, nobody]) push(ownerOf, owner);
  const parts = found === null ? null : split(found, ownerOf, 1, noLimit);
  expect(parts?.map((part) => spansOf(part.bytes).map((span) => span.traceId))).toEqual([
    [Buffer.from(id(2)).toString('hex')],
  ]);
});

test('a resource repeated for so many owners that the parts pass the limit is refused before it is copied', () => {
  const spans = Array.from({ length: 200 }, (_, n) => ({ traceId: Buffer.from(id(n + 1)) }));
  const bytes = encodeRequest({
    resourceSpans: [{ schemaUrl: 'x'.repeat(100_000), scopeSpans: [{ spans }] }],
  });
  const found = scan(bytes);
  const ownerOf = intList();
  for (let i = 0; i < 200; i += 1) push(ownerOf, i);
  expect(found === null ? [] : split(found, ownerOf, 200, 10_000_000)).toBeNull();
});

test('a span without a parent, or with one of zeros, is a root', () => {
  const roots = (span: number[]) => item(scan(oneSpan(span))?.root ?? intList(), 0);
  expect(roots(bytesField(1, id(1)))).toBe(1);
  expect(roots([...bytesField(1, id(1)), ...bytesField(4, Array<number>(8).fill(0))])).toBe(1);
  expect(roots([...bytesField(1, id(1)), ...bytesField(4, [0, 0, 0, 0, 0, 0, 0, 1])])).toBe(0);
});
