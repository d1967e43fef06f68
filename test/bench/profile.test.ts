/** What the profiler itself costs is no cost of the program. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readProfile } from './support/profile.ts';

const node = (id: number, functionName: string, url: string, children: readonly number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: 0 },
  children,
});

test('the inspector and what it calls are left out of the shares, and named', () => {
  const cpu = {
    nodes: [
      node(1, '(root)', '', [2, 3, 5]),
      node(2, 'work', 'file:///checkout/gateway/src/flow/call.ts'),
      node(3, 'post', 'node:inspector', [4]),
      node(4, 'serialise', 'node:buffer'),
      node(5, '(idle)', ''),
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [600, 100, 300, 9000],
  };
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-profile-'));
  const file = path.join(dir, 'a.cpuprofile');
  writeFileSync(file, JSON.stringify({ cpu, memory: { head: node(1, '(root)', '') } }));
  const profile = readProfile(file);
  rmSync(dir, { recursive: true });
  const shares = Object.fromEntries(profile.packages.map(({ name, share }) => [name, share]));
  expect(shares['gateway flow']).toBe(1);
  expect(Object.keys(shares).filter((name) => /inspector|buffer/.test(name))).toEqual([]);
  expect(profile.inspectorShare).toBe(0.4);
});
