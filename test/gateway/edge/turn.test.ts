import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { turn } from '../../../gateway/src/edge/turn.ts';

test('work waits for the end of the turn, runs in order, and what it adds waits for the next', async () => {
  const done: number[] = [];
  const later = turn<() => void>((ready) => {
    for (const work of ready) work();
  });
  later.add(() => {
    done.push(1);
    later.add(() => done.push(3));
  });
  later.add(() => done.push(2));
  expect(done).toEqual([]);
  await nextTurn();
  expect(done).toEqual([1, 2]);
  await nextTurn();
  expect(done).toEqual([1, 2, 3]);
});
