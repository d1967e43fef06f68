/** A small part of `npm run fuzz`; in a process of its own, because the engine prints what statements `AND STDOUT` ask for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

test('of 250 random statements none is answered that reaches a file or means something else than its bytes', async () => {
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, '250', '7'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(said).not.toContain('FAULT');
  expect(code).toBe(0);
  const [, dangerous, reader] =
    /(\d+) reach a file when nothing holds them; answered: (\d+) to the reader/.exec(said) ?? [];
  // The statements are what they are meant to be: many would do harm, and many harmless ones are served.
  expect(Number(dangerous)).toBeGreaterThan(5);
  expect(Number(reader)).toBeGreaterThan(5);
});
