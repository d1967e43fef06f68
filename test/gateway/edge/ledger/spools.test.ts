import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { otherSpools, replicaOf, spoolOf } from '../../../../gateway/src/edge/ledger/spools.ts';
import { tempDir } from './support.ts';

test('the first worker has the spool and the name of a gateway that is alone', () => {
  expect([spoolOf('/data', 1), spoolOf('/data', 3)]).toEqual([
    '/data/ledger',
    '/data/ledger/worker-3',
  ]);
  expect([replicaOf('pod-0', 1), replicaOf('pod-0', 3)]).toEqual(['pod-0', 'pod-0.w3']);
});

test('spools of workers that are not wanted any more are found, and nothing else is taken for one', () => {
  const dir = tempDir();
  expect(otherSpools(dir, 1)).toEqual([]);
  for (const worker of [2, 3, 10]) mkdirSync(spoolOf(dir, worker), { recursive: true });
  for (const name of ['dead', 'worker-', 'worker-0', 'worker-x', 'worker-02', 'old-worker-4'])
    mkdirSync(path.join(dir, 'ledger', name));
  writeFileSync(path.join(dir, 'ledger', 'worker'), '');
  expect(otherSpools(dir, 1)).toEqual([2, 3, 10]);
  expect(otherSpools(dir, 2)).toEqual([3, 10]);
  expect(otherSpools(dir, 10)).toEqual([]);
});
