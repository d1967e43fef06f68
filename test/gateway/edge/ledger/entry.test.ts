import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEntry, type Entry } from '../../../../gateway/src/edge/ledger/entry.ts';
import { entryLine } from './support.ts';

const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    kind: fc.constantFrom('i', 'a', 'p', 'c'),
    callId: fc.uuid(),
    seq: fc.nat(),
    json: fc.json().filter((text) => !text.includes('\n')),
  })
  .map((entry) => ({ ...entry, seq: entry.kind === 'c' ? entry.seq : 0 }));

const raise = (): never => {
  throw new Error('no entry');
};

const withoutNewline = (entry: Entry): string => entryLine(entry).slice(0, -1);

test('an entry is one line that reads back as it was', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      expect(entryLine(entry)).toMatch(/^[^\n]*\n$/);
      const read = parseEntry(Buffer.from(withoutNewline(entry)));
      const { kind, callId, seq, json } = read ?? raise();
      expect({ kind, callId, seq, json: json.toString() }).toEqual(entry);
    }),
  );
});

test('an entry with any one bit flipped is refused, its kind included', () => {
  fc.assert(
    fc.property(anyEntry, fc.nat(), fc.nat(7), (entry, at, bit) => {
      const bytes = Buffer.from(withoutNewline(entry));
      const i = at % bytes.length;
      bytes[i] = (bytes[i] ?? 0) ^ (1 << bit);
      expect(parseEntry(bytes)).toBeNull();
    }),
    { numRuns: 2000 },
  );
});

test('every bit of one close, one after the other: none flips unnoticed', () => {
  const line = withoutNewline({
    kind: 'c',
    callId: '0193549c-d1c0-7000-8000-00000000002a',
    seq: 7,
    json: '["a\u2028b",1]',
  });
  const accepted: string[] = [];
  for (let at = 0; at < Buffer.byteLength(line) * 8; at += 1) {
    const bytes = Buffer.from(line);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
    if (parseEntry(bytes) !== null) accepted.push(bytes.toString('utf8'));
  }
  expect(accepted).toEqual([]);
});

test('an entry cut anywhere is refused', () => {
  fc.assert(
    fc.property(anyEntry, fc.nat(), (entry, at) => {
      const bytes = Buffer.from(withoutNewline(entry));
      expect(parseEntry(bytes.subarray(0, at % bytes.length))).toBeNull();
    }),
  );
});
