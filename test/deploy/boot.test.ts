/** `boot.mjs` in a checkout of its own, with a pnpm that does what the test says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../fakes/journal.ts';

const checkout = path.resolve(import.meta.dirname, '../..');
const { arch } = process;
const generousMs = 60_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-boot-'));
  for (const file of ['boot.mjs', 'toolchain.json', 'package.json']) {
    cpSync(path.join(checkout, file), path.join(dir, file));
  }
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml'])
    writeFileSync(path.join(dir, file), '');
  for (const room of [
    'gateway',
    'trace-router',
    'dashboards',
    'deploy/clickhouse',
    'deploy/listener',
    'deploy/local',
    'deploy/settings',
    'test',
    'node_modules',
  ]) {
    mkdirSync(path.join(dir, room), { recursive: true });
    writeFileSync(path.join(dir, room, 'package.json'), '{}');
  }
  const { pnpm } = JSON.parse(readFileSync(path.join(dir, 'toolchain.json'), 'utf8'));
  const bin = path.join(dir, `.toolchain/node_modules/@pnpm/exe.linux-${arch}`);
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(dir, '.toolchain/stamp.json'), `["@pnpm/exe.linux-${arch}@${pnpm}"]`);
  // Says that it runs, and ends when it may.
  const script = `#!/bin/sh\necho run >> "${dir}/runs"\nwhile [ ! -e "${dir}/go" ]; do sleep 0.05; done\n`;
  writeFileSync(path.join(bin, 'pnpm'), script, { mode: 0o755 });
});
afterEach(() => {
  writeFileSync(path.join(dir, 'go'), '');
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const boot = () => {
  const child = spawn(process.execPath, ['boot.mjs', 'node', '-p', '6 * 7'], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = once(child, 'close').then(() => child.exitCode);
  /** The whole group, as a power button would. */
  const kill = () => process.kill(-(child.pid ?? 0), 'SIGKILL');
  return { said, ended, kill };
};
const runs = () =>
  existsSync(path.join(dir, 'runs')) ? readFileSync(path.join(dir, 'runs'), 'utf8') : '';
const go = () => writeFileSync(path.join(dir, 'go'), '');

test('two boots do not install over each other: the second waits, says so, and finds it done', async () => {
  const first = boot();
  await eventually(() => runs() === 'run\n', 'pnpm runs', generousMs);
  const second = boot();
  await eventually(
    () => second.said.err.includes('waiting for another boot'),
    'it waits',
    generousMs,
  );
  go();
  expect([await first.ended, await second.ended]).toEqual([0, 0]);
  expect([first.said.out, second.said.out, runs()]).toEqual(['42\n', '42\n', 'run\n']);
});

test('a boot that was killed while it installed leaves no lock', async () => {
  const first = boot();
  await eventually(() => runs() === 'run\n', 'pnpm runs', generousMs);
  first.kill();
  await first.ended;
  const second = boot();
  go();
  expect(await second.ended).toBe(0);
  expect(second.said.err).not.toContain('waiting');
  expect([second.said.out, runs()]).toEqual(['42\n', 'run\nrun\n']);
});
