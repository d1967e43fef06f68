/** The load at a fixed rate begins as many calls as the rate says, on few connections. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cpuSeconds } from './support/cpu.ts';
import { runLoad, startMock } from './support/helpers.ts';
import { stopAll } from './support/processes.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-load-'));
afterAll(async () => {
  await stopAll();
  rmSync(dir, { recursive: true, force: true });
});

test('twenty calls a second for a second are twenty calls', async ({ skip }) => {
  if (process.platform !== 'linux') skip('CPU seconds are read from /proc, which only Linux has');
  const mock = await startMock(dir, { minEvents: 2, maxEvents: 2, gapMs: 5 });
  const load = { port: mock.port, key: 'k', rampMs: 0, hangupShare: 0, withIds: false } as const;
  const paced = { ...load, provider: 'nginx', connections: 1, seconds: 1, rate: 20 } as const;
  const whole = await runLoad(dir, { ...paced, stream: false });
  expect(whole).toMatchObject({ started: 20, completed: 20, failed: 0 });
  expect(whole.p99Ms).toBeGreaterThan(0);
  const streams = await runLoad(dir, { ...paced, stream: true });
  // The events, the usage, and [DONE].
  expect(streams).toMatchObject({ started: 20, completed: 20, events: 20 * 4 });
  expect(cpuSeconds([mock.pid])).toBeGreaterThan(0);
});
