import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { turn } from '../../../gateway/src/edge/turn.ts';

test('work waits for the end of the turn, runs in order, and what it adds waits for the next', async () => {
  const later = turn();
  const done: number[] = [];
  later(() => {
    done.push(1);
    later(() => done.push(3));
  });
  later(() => done.push(2));
  expect(done).toEqual([]);
  await nextTurn();
  expect(done).toEqual([1, 2]);
  await nextTurn();
  expect(done).toEqual([1, 2, 3]);
});
