/**
 * A part that does as its variables say: STUB_PORT, STUB_NAME, STUB_JOURNAL (a file), STUB_FAIL, STUB_STUBBORN (does not stop),
 * STUB_HOLD (a file: stops when it is there).
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { env } = process;
const note = (what: string) =>
  appendFileSync(env['STUB_JOURNAL'] ?? '', `${env['STUB_NAME']} ${what}\n`);
const failure = env['STUB_FAIL'];
if (failure !== undefined) {
  process.stderr.write(`a line before\n${failure}\n`);
  process.exit(3);
}
const server = createServer((request, response) => {
  if (request.url === '/crash') process.exit(7);
  if (request.url === '/env') response.end(JSON.stringify(env));
  else if (request.url === '/environ') response.end(readFileSync('/proc/self/environ'));
  else response.end('Ok.\n');
});
server.listen(Number(env['STUB_PORT']), '127.0.0.1', () => note(`up ${process.pid}`));
process.on('SIGTERM', () => void stop());

async function stop(): Promise<void> {
  note('told to stop');
  if (env['STUB_STUBBORN'] !== undefined) return;
  // A moment of draining, during which the parts below must still be up.
  await sleep(100);
  const hold = env['STUB_HOLD'];
  while (hold !== undefined && !existsSync(hold)) await sleep(20);
  note('stopped');
  process.exit(0);
}
