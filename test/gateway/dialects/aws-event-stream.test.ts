import { EventStreamCodec } from '@smithy/eventstream-codec';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startAwsFrames } from '../../../gateway/src/dialects/aws-event-stream.ts';
import { FramingError } from '../../../gateway/src/dialects/framing.ts';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);
type Message = Parameters<typeof codec.encode>[0];

const anyText = fc.string({ unit: 'grapheme', maxLength: 20 });
const anyHeader = fc.oneof(
  anyText.map((value) => ({ type: 'string', value }) as const),
  fc.boolean().map((value) => ({ type: 'boolean', value }) as const),
  fc.integer({ min: -128, max: 127 }).map((value) => ({ type: 'byte', value }) as const),
  fc.integer({ min: -32_768, max: 32_767 }).map((value) => ({ type: 'short', value }) as const),
  fc.integer().map((value) => ({ type: 'integer', value }) as const),
  fc.uint8Array({ maxLength: 20 }).map((value) => ({ type: 'binary', value }) as const),
  fc.date({ noInvalidDate: true }).map((value) => ({ type: 'timestamp', value }) as const),
);
const anyMessage: fc.Arbitrary<Message> = fc.record({
  headers: fc.dictionary(fc.stringMatching(/^:?[a-z-]{1,20}$/), anyHeader, { maxKeys: 5 }),
  body: fc.uint8Array({ maxLength: 300 }),
});

const most = 1024 * 1024;

test('frames of the official encoder are read, at any split of the bytes', () => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 4 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
      (messages, sizes) => {
        const bytes = Buffer.concat(messages.map((message) => codec.encode(message)));
        const read = startAwsFrames(most);
        const frames = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          frames.push(...read(bytes.subarray(at, at + size)));
          at = Math.min(bytes.length, at + size);
        }
        expect(frames.map(({ payload }) => [...payload])).toEqual(
          messages.map(({ body }) => [...body]),
        );
        const texts = messages.map(({ headers }) =>
          Object.entries(headers).flatMap(([name, { type, value }]) =>
            type === 'string' ? [[name, value]] : [],
          ),
        );
        expect(frames.map(({ headers }) => [...headers])).toEqual(texts);
      },
    ),
  );
});

test('any flipped bit is found, and nothing but the error for it is thrown', () => {
  const bytes = codec.encode({
    headers: {
      ':event-type': { type: 'string', value: 'chunk' },
      n: { type: 'integer', value: 7 },
    },
    body: Buffer.from('{"bytes":"e30="}'),
  });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const broken = Buffer.from(bytes);
    broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => startAwsFrames(most)(broken), `bit ${bit}`).toThrow(FramingError);
  }
});

test('a frame that is longer than may be is an error before it is here', () => {
  const bytes = codec.encode({ headers: {}, body: new Uint8Array(2000) });
  expect(() => startAwsFrames(1000)(bytes.subarray(0, 12))).toThrow('larger than 1000 bytes');
  expect(startAwsFrames(2016)(bytes)).toHaveLength(1);
});

test('random bytes are an error or not yet a frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        expect(startAwsFrames(most)(bytes)).toEqual([]);
      } catch (error) {
        expect(error).toBeInstanceOf(FramingError);
      }
    }),
  );
});
