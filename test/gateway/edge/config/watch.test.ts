import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import { watchSettings, type Watching } from '@tollgate/settings/edge/watch.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-watch-'));
  open.push(() => rmSync(directory, { recursive: true }));
  return directory;
};
const yaml = (level: string) => `providers: { demo: }\nlog: { level: ${level} }\n`;

/** A poll that never comes, so that only the watch can have seen it. */
const never = 3_600_000;

/** Follows `path`, and tells what came of it, in order: a level, or `rejected` with the places of the problems. */
const follow = async (path: string, pollMs = never, env: Record<string, string> = {}) => {
  const events: string[] = [];
  const source = { path, env, providers };
  const { sources } = await readConfig(source);
  const watching: Watching = watchSettings(
    {
      read: () => readConfig(source),
      pollMs,
      settleMs: 20,
      onChange: ({ log, providers }) =>
        events.push(
          `${log.level} ${[...providers.values()].map(({ credentials }) => credentials.get('apiKey')?.reveal() ?? '-').join()}`,
        ),
      onRejected: (problems) =>
        events.push(`rejected ${problems.map(({ line, column }) => `${line}:${column}`).join()}`),
    },
    sources,
  );
  open.push(watching.close);
  const expectEvents = (wanted: readonly string[]) =>
    vi.waitFor(() => expect(events).toEqual(wanted), { timeout: 120_000, interval: 10 });
  return { events, expectEvents, watching };
};

test('a file that is written again is taken over', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { expectEvents } = await follow(path);
  writeFileSync(path, yaml('warn'));
  await expectEvents(['warn -']);
  writeFileSync(path, yaml('error'));
  await expectEvents(['warn -', 'error -']);
});

test('an editor that renames a new file over the old one is seen, again and again', async () => {
  const directory = folder();
  const path = join(directory, 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { expectEvents } = await follow(path);
  const wanted: string[] = [];
  for (const level of ['warn', 'error', 'debug']) {
    writeFileSync(join(directory, '.new'), yaml(level));
    renameSync(join(directory, '.new'), path);
    wanted.push(`${level} -`);
    await expectEvents(wanted);
  }
});

test('a ConfigMap, which swaps the ..data link beside the file, is followed', async () => {
  const directory = folder();
  const version = (name: string, level: string) => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'tollgate.yaml'), yaml(level));
    symlinkSync(name, join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  version('..1', 'info');
  symlinkSync('..data/tollgate.yaml', join(directory, 'tollgate.yaml'));
  const { expectEvents } = await follow(join(directory, 'tollgate.yaml'));
  version('..2', 'warn');
  await expectEvents(['warn -']);
  rmSync(join(directory, '..1'), { recursive: true });
  version('..3', 'error');
  await expectEvents(['warn -', 'error -']);
});

test('a broken edit is rejected once, with its places, and mending it is taken over', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { events, expectEvents, watching } = await follow(path);
  writeFileSync(path, 'providers: { demo: }\nlog: { level: loud }\nlimit: {}\n');
  await expectEvents(['rejected 2:15,3:1']);
  await watching.look();
  await watching.look();
  expect(events).toHaveLength(1);
  writeFileSync(path, yaml('debug'));
  await expectEvents(['rejected 2:15,3:1', 'debug -']);
});

test('a file that goes away is rejected, and taken over when it comes back', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { expectEvents } = await follow(path);
  unlinkSync(path);
  await expectEvents(['rejected 1:1']);
  writeFileSync(path, yaml('warn'));
  await expectEvents(['rejected 1:1', 'warn -']);
});

test('the same text written again changes nothing', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { events, watching } = await follow(path);
  writeFileSync(path, yaml('info'));
  await sleep(100);
  await watching.look();
  expect(events).toEqual([]);
});

test("a secret's file in another directory is followed too, from when it is first named", async () => {
  const path = join(folder(), 'tollgate.yaml');
  const secrets = folder();
  writeFileSync(path, yaml('info'));
  writeFileSync(join(secrets, 'key'), 'sk-one');
  const { expectEvents } = await follow(path);
  writeFileSync(path, `providers: { openai: { apiKey: { file: ${join(secrets, 'key')} } } }\n`);
  await expectEvents(['info sk-one']);
  writeFileSync(join(secrets, 'key'), 'sk-two');
  await expectEvents(['info sk-one', 'info sk-two']);
});

test('what no watch sees, the poll does', async () => {
  const [directory, elsewhere] = [folder(), folder()];
  writeFileSync(join(elsewhere, 'real.yaml'), yaml('info'));
  symlinkSync(join(elsewhere, 'real.yaml'), join(directory, 'tollgate.yaml'));
  const { expectEvents } = await follow(join(directory, 'tollgate.yaml'), 50);
  writeFileSync(join(elsewhere, 'real.yaml'), yaml('warn'));
  await expectEvents(['warn -']);
});

test('a change between reading and watching is seen by the first look', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const source = { path, env: {}, providers };
  const { sources } = await readConfig(source);
  writeFileSync(path, yaml('warn'));
  let calls = 0;
  const onChange = () => {
    calls += 1;
  };
  const watching = watchSettings(
    { read: () => readConfig(source), pollMs: never, onChange, onRejected: onChange },
    sources,
  );
  open.push(watching.close);
  await watching.look();
  expect(calls).toBe(1);
});

test('a secret file that becomes a FIFO is rejected, the next good one is taken, and closing ends', async () => {
  const directory = folder();
  const [path, secret] = [join(directory, 'tollgate.yaml'), join(directory, 'key')];
  writeFileSync(secret, 'sk-one');
  writeFileSync(path, 'providers: { openai: { apiKey: { file: key } } }\n');
  const { expectEvents, watching } = await follow(path);
  unlinkSync(secret);
  execFileSync('mkfifo', [secret]);
  await watching.look();
  await expectEvents(['rejected 1:40']);
  unlinkSync(secret);
  writeFileSync(secret, 'sk-two');
  await watching.look();
  await expectEvents(['rejected 1:40', 'info sk-two']);
  await watching.close();
});

test('in a directory where files come and go all the time a change is still seen', async () => {
  const directory = folder();
  const path = join(directory, 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { expectEvents } = await follow(path);
  let n = 0;
  const busy = setInterval(() => writeFileSync(join(directory, `noise-${(n += 1) % 10}`), ''), 2);
  open.push(() => clearInterval(busy));
  writeFileSync(path, yaml('warn'));
  await expectEvents(['warn -']);
});

test('after it is closed nothing is called any more, and closing twice is fine', async () => {
  const path = join(folder(), 'tollgate.yaml');
  writeFileSync(path, yaml('info'));
  const { events, watching } = await follow(path, 20);
  writeFileSync(path, yaml('warn'));
  const looking = watching.look();
  await watching.close();
  await looking;
  const before = events.length;
  writeFileSync(path, yaml('error'));
  await watching.close();
  await watching.look();
  await sleep(150);
  expect(events).toHaveLength(before);
});
