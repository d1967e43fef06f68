/** The Node rows of `npm run sdk`, for every run of the gate. */
import { expect, test } from 'vitest';
import { askInNode } from '../sdk/node-client.ts';
import { sdks, scenarios } from '../sdk/table.ts';
import { tryTable } from '../sdk/trial.ts';

test('the official Node SDKs show what the table says, directly and through the gateway', async () => {
  const lines = await tryTable(new Map([['node', askInNode]]));
  expect(lines.filter(({ ok }) => !ok)).toEqual([]);
  expect(lines).toHaveLength(scenarios.length * sdks.length);
});
