import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Chain, readLink, rowHash, type Link } from '../../../gateway/src/decide/chain.ts';
import { LifeVerifier, type Finding } from '../../../gateway/src/decide/verify.ts';

interface Row {
  readonly seq: number;
  readonly lasting: string;
}

/** Rows in segments of these lengths, and what they say of one another; the last segment is followed by none. */
const written = (lengths: readonly number[]): { rows: Row[]; links: Link[] } => {
  const chain = new Chain('r', '');
  const rows: Row[] = [];
  const links: Link[] = [];
  for (const [i, length] of lengths.entries()) {
    for (let n = 0; n < length; n += 1) {
      const seq = rows.length + 1;
      const lasting = JSON.stringify([seq, chain.said()]);
      chain.add(seq, rowHash(lasting));
      rows.push({ seq, lasting });
    }
    const link = readLink(chain.seal() ?? '');
    if (link !== null && i < lengths.length - 1) links.push(link);
  }
  return { rows, links };
};

const verified = (rows: readonly Row[], links: readonly Link[], firstSeq?: number) => {
  const verifier = new LifeVerifier('r', links, firstSeq);
  for (const { seq, lasting } of rows) verifier.row(seq, lasting);
  return verifier.end();
};

const finding = (kind: Finding['kind'], from: number, to: number) => ({
  kind,
  replica: 'r',
  from,
  to,
});

const { rows, links } = written([3, 4, 2, 5]);
const without = (from: number, to: number): Row[] =>
  rows.filter(({ seq }) => seq < from || seq > to);

test('rows as they were written are found good, and all but the last segment are vouched for', () => {
  expect(verified(rows, links)).toEqual({ findings: [], unlinked: 5 });
  expect(verified([], [])).toEqual({ findings: [], unlinked: 0 });
});

test('rows may come in any order', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
      expect(verified(shuffled, links)).toEqual({ findings: [], unlinked: 5 });
    }),
  );
});

test('a row that was deleted is missing, wherever it was; of a segment that lacks one nothing else is said', () => {
  for (const seq of [1, 2, 3, 5, 9, 10, 13])
    expect(verified(without(seq, seq), links).findings).toEqual([finding('missing', seq, seq)]);
});

test('a whole segment that was deleted is missing; so are last rows that something tells of', () => {
  expect(verified(without(4, 7), links).findings).toEqual([finding('missing', 4, 7)]);
  expect(verified(without(8, 14), links).findings).toEqual([finding('missing', 8, 9)]);
  expect(verified([], links).findings).toEqual([finding('missing', 1, 9)]);
});

test('a row that was changed makes its segment altered, and no other', () => {
  for (const [seq, from, to] of [
    [1, 1, 3],
    [3, 1, 3],
    [4, 4, 7],
    [9, 8, 9],
  ] as const) {
    const changed = rows.map((row) =>
      row.seq === seq ? { seq, lasting: `${row.lasting} ` } : row,
    );
    expect(verified(changed, links).findings).toEqual([finding('altered', from, to)]);
  }
});

test('rows that are there twice are double', () => {
  const twice = rows.flatMap((row) => (row.seq >= 4 && row.seq <= 7 ? [row, row] : [row]));
  expect(verified(twice, links).findings).toEqual([finding('double', 4, 7)]);
});

test('a life of a million segments is judged like a short one', () => {
  const link = { replica: 'r', rows: 1, sha256: '0'.repeat(64) };
  const many = Array.from({ length: 1_000_000 }, (_, i) => ({
    ...link,
    firstSeq: i + 1,
    lastSeq: i + 1,
  }));
  expect(verified([], many).findings).toEqual([finding('missing', 1, 1_000_000)]);
});

test('rows that were thrown away with their time are not missed', () => {
  expect(verified(without(1, 5), links, 6).findings).toEqual([]);
});

test('whatever is done to one row is found, and where', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(
      lengths,
      fc.nat(),
      fc.constantFrom('delete', 'change', 'double'),
      (all, at, how) => {
        const made = written(all);
        const linked = made.links.at(-1)?.lastSeq ?? 0;
        const seq = (at % linked) + 1;
        const spoiled = made.rows.flatMap((row) => {
          if (row.seq !== seq) return [row];
          if (how === 'delete') return [];
          return how === 'double' ? [row, row] : [{ seq, lasting: 'x' }];
        });
        const { findings } = verified(spoiled, made.links);
        expect(findings).toHaveLength(1);
        expect(findings[0]?.from).toBeLessThanOrEqual(seq);
        expect(findings[0]?.to).toBeGreaterThanOrEqual(seq);
      },
    ),
  );
});

const hexOf = (lasting: string): string => Buffer.from(rowHash(lasting), 'latin1').toString('hex');

test('a row that was written and not sent is neither missing nor forgotten: its segment is verified with it', () => {
  const [gone, other] = [rows[4], rows[5]];
  if (gone === undefined || other === undefined) throw new Error('there are more rows');
  const judged = (told: string, from: readonly Row[]) => {
    const verifier = new LifeVerifier('r', links);
    for (const { seq, lasting } of from) verifier.row(seq, lasting);
    verifier.spared(gone.seq, told);
    return verifier.end();
  };
  expect(judged(hexOf(gone.lasting), without(5, 5))).toEqual({ findings: [], unlinked: 5 });
  expect(judged(hexOf('another'), without(5, 5)).findings).toEqual([finding('altered', 4, 7)]);
  // One that is there is what counts, and another one that is gone is missing all the same.
  expect(judged('', rows)).toEqual({ findings: [], unlinked: 5 });
  expect(judged(hexOf(gone.lasting), without(5, 6)).findings).toEqual([finding('missing', 6, 6)]);
});
