import { expect, test } from 'vitest';
import { traceContext, traceparentFor } from '../../../gateway/src/decide/trace-context.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';
const fresh = { traceId: () => 'f'.repeat(32), spanId: () => 'e'.repeat(16) };

const read = (header: string | undefined, state?: string) => traceContext(header, state, fresh);

// The cases of the specification: https://www.w3.org/TR/trace-context-2/#traceparent-header
// oxfmt-ignore
test.each([
  ['version 00', `00-${trace}-${parent}-01`],
  ['not sampled', `00-${trace}-${parent}-00`],
  ['flags we do not know', `00-${trace}-${parent}-ff`],
  ['a future version', `cc-${trace}-${parent}-01`],
  ['a future version with more after it', `cc-${trace}-${parent}-01-what-the-future-will-be-like`],
])('taken over: %s', (_name, header) => {
  expect(read(header)).toEqual({ traceId: trace, spanId: fresh.spanId(), parentSpanId: parent, traceState: null });
});

// oxfmt-ignore
test.each([
  ['none', undefined],
  ['empty', ''],
  ['version ff', `ff-${trace}-${parent}-01`],
  ['version 00 with more after it', `00-${trace}-${parent}-01-more`],
  ['version 00 with a dash after it', `00-${trace}-${parent}-01-`],
  ['a future version whose tail lacks its dash', `cc-${trace}-${parent}-01.what`],
  ['zeros for a trace', `00-${'0'.repeat(32)}-${parent}-01`],
  ['zeros for a parent', `00-${trace}-${'0'.repeat(16)}-01`],
  ['upper case', `00-${trace.toUpperCase()}-${parent}-01`],
  ['a trace id too short', `00-${trace.slice(1)}-${parent}-01`],
  ['a trace id too long', `00-${trace}0-${parent}-01`],
  ['a parent too short', `00-${trace}-${parent.slice(1)}-01`],
  ['no flags', `00-${trace}-${parent}`],
  ['one digit of flags', `00-${trace}-${parent}-1`],
  ['a version that is no number', `0g-${trace}-${parent}-01`],
  ['a version too long', `000-${trace}-${parent}-01`],
  ['two of them', `00-${trace}-${parent}-01, 00-${trace}-${parent}-01`],
  ['spaces', ` 00-${trace}-${parent}-01`],
  ['a line after it', `00-${trace}-${parent}-01\n`],
])('a trace of our own begins: %s', (_name, header) => {
  expect(read(header, 'vendor=1')).toEqual({ traceId: fresh.traceId(), spanId: fresh.spanId(), parentSpanId: null, traceState: null });
});

test('state travels with a valid parent, whole or not at all', () => {
  const header = `00-${trace}-${parent}-01`;
  expect(read(header, 'vendor=1,other=2').traceState).toBe('vendor=1,other=2');
  expect(read(header, '').traceState).toBeNull();
  expect(read(header, 'v='.padEnd(512, 'x')).traceState).toHaveLength(512);
  expect(read(header, 'v='.padEnd(513, 'x')).traceState).toBeNull();
});

test('what we send on is a header we would take over', () => {
  expect(read(traceparentFor(trace, parent))).toMatchObject({
    traceId: trace,
    parentSpanId: parent,
  });
});
