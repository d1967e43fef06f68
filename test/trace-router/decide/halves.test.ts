import { expect, test } from 'vitest';
import { halvesOf } from '../../../trace-router/src/decide/halves.ts';
import type { KeptRows } from '../../../trace-router/src/model/kept-rows.ts';

const kept = (...lines: readonly string[]): KeptRows => ({
  rows: Buffer.from(lines.map((line) => `${line}\n`).join('')),
  spans: lines.length,
});
/** The lines of all batches that halving ends with. */
const apart = (batch: readonly KeptRows[]): readonly string[] => {
  const halves = halvesOf(batch);
  return halves === null ? batch.map(({ rows }) => rows.toString()) : halves.flatMap(apart);
};

test('rows that were refused together come apart by traces first, then line by line', () => {
  const [a, b] = [kept('a1', 'a2', 'a3'), kept('b1')];
  expect(halvesOf([a, b])).toEqual([[a], [b]]);
  expect(halvesOf([a])).toEqual([[kept('a1')], [kept('a2', 'a3')]]);
  expect(apart([a, b])).toEqual(['a1\n', 'a2\n', 'a3\n', 'b1\n']);
});

test('a single line cannot be halved', () => expect(halvesOf([kept('b1')])).toBeNull());
