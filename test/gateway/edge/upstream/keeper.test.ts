import { expect, test } from 'vitest';
import { keeper } from '../../../../gateway/src/edge/upstream/keeper.ts';

const started = () => {
  const diary: string[] = [];
  const keeps = keeper(
    ({ name }: { readonly name: string; readonly note: string }) => name,
    ({ name, note }) => {
      diary.push(`start ${name} ${note}`);
      return { name };
    },
    ({ name }) => {
      diary.push(`stop ${name}`);
      return Promise.resolve();
    },
  );
  return { diary, keeps };
};

test('one of the same identity is shared, and ends when nobody holds it', async () => {
  const { diary, keeps } = started();
  const first = keeps.lease({ name: 'a', note: '1' });
  const second = keeps.lease({ name: 'a', note: '2' });
  expect(second.value).toBe(first.value);
  await first.release();
  await first.release();
  expect(diary).toEqual(['start a 1']);
  await second.release();
  expect(diary).toEqual(['start a 1', 'stop a']);
});

test('another identity is another one, and one that ended is started anew', async () => {
  const { diary, keeps } = started();
  const first = keeps.lease({ name: 'a', note: '1' });
  expect(keeps.lease({ name: 'b', note: '1' }).value).not.toBe(first.value);
  await first.release();
  expect(keeps.lease({ name: 'a', note: '2' }).value).not.toBe(first.value);
  expect(diary).toEqual(['start a 1', 'start b 1', 'stop a', 'start a 2']);
});
