import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { fileSink, insertsIn } from './file-sink.ts';
import { idOfRow, ledgerIn, tempDir } from './support.ts';

const child = path.join(import.meta.dirname, 'kill9-child.ts');
/** Two of each kind below. */
const lives = 8;

/**
 * One life of a ledger under load, killed when it has acknowledged so many calls (0: as soon as it is ready), or null: some
 * moment after its birth, while it starts.
 */
const live = async (
  dir: string,
  shipped: string,
  acknowledged: number | null,
): Promise<string[]> => {
  const life = spawn(process.execPath, [child, dir, shipped], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  life.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const over = Promise.all([once(life, 'exit'), once(life.stdout, 'close')]);
  if (acknowledged === null) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 250));
  } else {
    // One line says that it is ready.
    const enough = () => said.split('\n').length - 2 >= acknowledged;
    while (!enough() && life.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(life.exitCode).toBeNull();
  life.kill('SIGKILL');
  await over;
  // What was torn off the last line was not acknowledged to anybody.
  return said
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== 'ready');
};

test('killed again and again, the ledger ships every acknowledged call, none of them twice', async () => {
  const dir = path.join(tempDir(), 'ledger');
  const shipped = path.join(path.dirname(dir), 'shipped');
  const acknowledged: string[] = [];
  for (let n = 0; n < lives; n += 1) {
    // Some die while they recover, some as soon as they are ready, while what another left is still being shipped.
    const most = n % 4 === 0 ? 0 : 20 + Math.floor(Math.random() * 400);
    acknowledged.push(...(await live(dir, shipped, n % 4 === 1 ? null : most)));
  }

  const { ledger } = await ledgerIn(dir, fileSink(shipped));
  expect((await ledger.stop(30_000)).allShipped).toBe(true);
  expect(readdirSync(path.join(dir, 'dead'))).toEqual([]);

  // As ClickHouse does it: a token counts once. The same token must mean the same rows, byte by byte.
  const byToken = new Map<string, string>();
  const rows: string[] = [];
  for (const insert of insertsIn(shipped)) {
    const before = byToken.get(insert.token);
    if (before === undefined) rows.push(...insert.rows);
    else expect(insert.rows.join('\n')).toBe(before);
    byToken.set(insert.token, insert.rows.join('\n'));
  }
  const ids = rows.map(idOfRow);
  expect(new Set(ids).size).toBe(ids.length);
  const known = new Set(ids);
  expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(100);
  expect(rows.some((row) => row.includes('"crashed"'))).toBe(true);
}, 240_000);
