import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import { logger } from '../../../../gateway/src/edge/telemetry/log.ts';
import type { Prepared } from '../../../../gateway/src/edge/workers/messages.ts';
import { Reload } from '../../../../gateway/src/edge/workers/reload.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';
import { tempDir, until } from '../ledger/support.ts';

const open: Reload[] = [];
afterEach(async () => {
  for (const reload of open.splice(0)) await reload.close();
});

/** A configuration file that is followed, and workers that answer as told; null: one that has just ended. */
const following = async (answers: readonly (() => Prepared | null)[]) => {
  const file = path.join(tempDir(), 'tollgate.yaml');
  const write = (level: string): void => {
    writeFileSync(`${file}.new`, `providers: { demo: {} }\nlog: { level: ${level} }\n`);
    renameSync(`${file}.new`, file);
  };
  write('info');
  const source = { path: file, env: {}, providers };
  const read = await readConfig(source);
  const asked: string[] = [];
  const gone = new Set<number>();
  const slots = answers.map((answer, i) => ({
    worker: i + 1,
    isReady: () => !gone.has(i),
    ask: (what: string) => {
      asked.push(`${i + 1} ${what}`);
      const prepared = what === 'prepare' ? answer() : null;
      if (what === 'prepare' && prepared === null) gone.add(i);
      return Promise.resolve(prepared);
    },
  }));
  const lines: string[] = [];
  const log = logger('info', { write: (line) => void lines.push(line) });
  const reload = new Reload(slots, { source, sources: read.sources, log });
  open.push(reload);
  return { write, reload, asked, log, lines, fingerprint: read.sources.fingerprint };
};

const same = (): Prepared => ({ kind: 'prepared', fingerprint: 'new' });
const after = (asked: readonly string[], what: string): readonly string[] =>
  asked.filter((one) => one.endsWith(` ${what}`));

test('a changed file comes into force when all workers have the same one ready', async () => {
  const { write, asked, log } = await following([same, same, same]);
  write('error');
  await until(() => after(asked, 'commit').length === 3);
  expect(asked.join(', ')).toBe('1 prepare, 2 prepare, 3 prepare, 1 commit, 2 commit, 3 commit');
  await until(() => log.level === 'error');
});

test('one that refuses keeps all of them on the old one, and is named', async () => {
  const refuses = (): Prepared => ({ kind: 'refused', message: 'no room' });
  const { write, asked, log, lines } = await following([same, refuses]);
  write('error');
  await until(() => after(asked, 'refuse').length === 2);
  expect(after(asked, 'commit')).toEqual([]);
  expect(lines.join('')).toContain('by no worker: worker 2: no room');
  expect(log.level).toBe('info');
});

test('one that has ended is not waited for: it reads the file when it is started again', async () => {
  const { write, asked } = await following([same, () => null]);
  write('error');
  await until(() => after(asked, 'commit').length > 0);
  expect(after(asked, 'refuse')).toEqual([]);
});

test('a file that changes while they read it is read again, and not for ever', async () => {
  let reads = 0;
  const changing = (): Prepared => {
    reads += 1;
    return { kind: 'prepared', fingerprint: reads > 2 ? 'new' : `text ${reads}` };
  };
  const { write, asked } = await following([changing, changing]);
  write('error');
  await until(() => after(asked, 'commit').length === 2);
  expect(after(asked, 'prepare').length).toBe(4);

  let never = 0;
  const restless = (): Prepared => ({ kind: 'prepared', fingerprint: String((never += 1)) });
  const other = await following([restless, restless]);
  other.write('error');
  await until(() => after(other.asked, 'refuse').length === 2);
  expect(after(other.asked, 'commit')).toEqual([]);
});

test('a file with a mistake in it is refused by all, and said once', async () => {
  const { write, asked, lines } = await following([same, same]);
  write('loud');
  await until(() => after(asked, 'refuse').length === 2);
  expect(after(asked, 'prepare')).toEqual([]);
  expect(lines.filter((line) => line.includes('log.level')).length).toBe(1);
});

test('a worker that started with another text than the others have makes all of them read it', async () => {
  const { reload, asked, fingerprint } = await following([same, same]);
  reload.started(fingerprint);
  reload.started('new');
  await until(() => after(asked, 'commit').length === 2);
  reload.started('new');
  await reload.close();
  expect(after(asked, 'prepare').length).toBe(2);
});
