import { expect, test } from 'vitest';
import { Asking } from '../../../../gateway/src/edge/workers/asking.ts';

const never = 600_000;

test('each question gets its own answer, in whatever order they come', async () => {
  const asking = new Asking();
  const ids: number[] = [];
  const asked = [1, 2, 3].map(() => asking.ask((id) => ids.push(id), never));
  for (const id of ids.toReversed()) asking.answered(id, `answer ${id}`);
  expect(await Promise.all(asked)).toEqual(ids.map((id) => `answer ${id}`));
});

test('an answer that does not come in time is none, and one that comes later is nobody’s', async () => {
  const asking = new Asking();
  let last = 0;
  expect(
    await asking.ask((id) => {
      last = id;
    }, 5),
  ).toBe(null);
  asking.answered(last, 'late');
  asking.answered(99, 'to what?');
  const next = asking.ask((id) => asking.answered(id, 'at once'), never);
  expect(await next).toBe('at once');
});

test('when the other process is gone, all questions to it have no answer', async () => {
  const asking = new Asking();
  const asked = [1, 2].map(() => asking.ask(() => {}, never));
  asking.giveUp();
  expect(await Promise.all(asked)).toEqual([null, null]);
});
