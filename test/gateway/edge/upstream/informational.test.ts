import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startHeadScanner } from '../../../../gateway/src/edge/upstream/informational.ts';

const final = 'HTTP/1.1 200 OK\r\nx: HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n';
const interim = fc.constantFrom(
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.0 100 \r\n\r\n',
  'HTTP/1.1 100 Continue\r\nx: HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n',
  'HTTP/1.1 100 Continue\n\n',
  '\r\n',
);

test('every 100 before the reply becomes a 103 and nothing else changes, at any split, for each request', () => {
  const cuts = fc.array(fc.nat(300), { maxLength: 10 });
  fc.assert(
    fc.property(fc.array(interim, { maxLength: 4 }), cuts, (interims, places) => {
      const text = interims.join('') + final;
      const expected =
        interims.map((one) => one.replace(/^(HTTP\/1\.\d 10)0/, '$13')).join('') + final;
      const scanner = startHeadScanner();
      for (let request = 0; request < 2; request += 1) {
        scanner.expectHead();
        const bytes = Buffer.from(text);
        const ends = [...new Set([...places.map((place) => place % bytes.length), bytes.length])];
        ends.sort((a, b) => a - b);
        for (const [i, end] of ends.entries()) scanner.scan(bytes.subarray(ends[i - 1] ?? 0, end));
        expect(bytes.toString()).toBe(expected);
      }
    }),
  );
});

test('what nobody asked for is left as it is', () => {
  const bytes = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');
  startHeadScanner().scan(bytes);
  expect(bytes.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
});
