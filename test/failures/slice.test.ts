import { expect, test } from 'vitest';
import { tryFailures } from './trial.ts';

test('30 failing and 30 hung-up queries leave no query and little memory behind, and no other caller notices', async () => {
  const { faults } = await tryFailures(30);
  expect(faults).toEqual([]);
});
