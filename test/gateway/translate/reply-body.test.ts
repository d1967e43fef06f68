import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Piece } from '../../../gateway/src/model/delta.ts';
import { formOf, startReplyBody } from '../../../gateway/src/translate/reply-body.ts';
import type { ReplyTranslator } from '../../../gateway/src/translate/reply.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test.each([
  ['data: {}', 'stream'],
  ['data:{}', 'stream'],
  ['event: ping', 'stream'],
  [': a comment', 'stream'],
  ['id: 7', 'stream'],
  ['retry: 1', 'stream'],
  ['\n\n data: {}', 'stream'],
  ['\uFEFFdata: {}', 'stream'],
  ['{"id":1}', 'whole'],
  ['\uFEFF\r\n {"id":1}', 'whole'],
  ['[]', 'whole'],
  ['<html>', 'whole'],
  ['data', null],
  ['ev', null],
  ['', null],
  ['\n \n', null],
  ['dates', 'whole'],
] as const)('a body that begins with %j and says nothing of itself is: %s', (start, form) => {
  expect(formOf(bytes(start), false)).toBe(form);
});

test('a body that says it is a stream is one, unless it begins as a document does', () => {
  expect(formOf(bytes('anything'), true)).toBe('stream');
  expect(formOf(bytes('\n'), true)).toBe('stream');
  expect(formOf(bytes(' {"error":1}'), true)).toBe('whole');
});

test('blanks without end are taken for a document, so that they are bounded as one', () => {
  expect(formOf(bytes(' '.repeat(70_000)), false)).toBe('whole');
});

/** Passes what it reads, and says at the end which translator it was. */
const translator = (stream: boolean): ReplyTranslator => ({
  read: (chunk) => ({ bytes: chunk, deltas: [] }),
  end: () => ({ bytes: bytes(stream ? '(stream)' : '(whole)'), deltas: [] }),
});

test('at any split the same translator reads all bytes in their order', () => {
  const texts = fc.constantFrom(
    'data: 1\n\ndata: 2\n\n',
    ' \n{"a":1}',
    'event: x\n\n',
    'dat',
    '  ',
    '<a>',
  );
  fc.assert(
    fc.property(
      texts,
      fc.array(fc.nat(30), { maxLength: 8 }),
      fc.boolean(),
      (text, cuts, wantsStream) => {
        const whole = bytes(text);
        const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort(
          (a, b) => a - b,
        );
        const body = startReplyBody(translator, {
          framing: null,
          wantsStream,
          contentType: 'text/plain',
        });
        const pieces: Piece[] = [...places, whole.length].map((to, i) =>
          body.read(whole.subarray(places[i - 1] ?? 0, to)),
        );
        pieces.push(body.end());
        const form = wantsStream && formOf(whole, false) === 'stream' ? '(stream)' : '(whole)';
        const said = Buffer.concat(pieces.flatMap((piece) => piece.bytes ?? [])).toString();
        expect(said).toBe(text + form);
      },
    ),
  );
});
