import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { settler } from '../../../gateway/src/edge/settle.ts';
import type { Settlement } from '../../../gateway/src/model/settlement.ts';
import { someSettlement } from '../model/settlements.ts';

const call = (id: string): Settlement => ({
  ...someSettlement,
  call: { ...someSettlement.call, id },
});

/** Three projections that write down what they are given; `breaks` says which of them throws for which call. */
const told = (breaks: (projection: string, id: string) => boolean = () => false) => {
  const done: string[] = [];
  const bugs: string[] = [];
  const projections = ['row', 'metrics', 'spans'].map((name) => (settlement: Settlement) => {
    const { id } = settlement.call;
    if (breaks(name, id)) throw new Error(`${name} of ${id}`);
    done.push(`${name} ${id}`);
  });
  return { done, bugs, ...settler(projections, (_settlement, error) => bugs.push(String(error))) };
};

test('the calls of a turn are projected at its end: first the rows of all of them', async () => {
  const { settle, done } = told();
  settle(call('a'));
  settle(call('b'));
  expect(done).toEqual([]);
  await nextTurn();
  expect(done).toEqual(['row a', 'row b', 'metrics a', 'metrics b', 'spans a', 'spans b']);
  settle(call('c'));
  await nextTurn();
  expect(done.slice(6)).toEqual(['row c', 'metrics c', 'spans c']);
});

test('a projection that throws for a call costs no other call anything, nor that call its other projections', async () => {
  const { settle, done, bugs } = told((name, id) => name === 'row' && id === 'a');
  settle(call('a'));
  settle(call('b'));
  await nextTurn();
  expect(done).toEqual(['row b', 'metrics a', 'metrics b', 'spans a', 'spans b']);
  expect(bugs).toEqual(['Error: row of a']);
});

test('whoever waits for a row hears that it is written, or that a bug kept it from being written', async () => {
  const heard: string[] = [];
  const { settle } = settler(
    [
      ({ call: { id } }, written) => {
        if (id === 'b') throw new Error('a bug');
        written?.(true);
      },
    ],
    () => {},
  );
  settle(call('a'), (durable) => heard.push(`a ${durable}`));
  settle(call('b'), (durable) => heard.push(`b ${durable}`));
  await nextTurn();
  expect(heard).toEqual(['a true', 'b false']);
});

test('a flush projects what waits, once', async () => {
  const { settle, flush, done } = told();
  settle(call('a'));
  flush();
  expect(done).toEqual(['row a', 'metrics a', 'spans a']);
  await nextTurn();
  expect(done).toHaveLength(3);
});
