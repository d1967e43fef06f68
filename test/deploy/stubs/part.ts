/** A part that does as its environment says: STUB_PORT, STUB_NAME, STUB_JOURNAL (a file), STUB_FAIL, STUB_STUBBORN. */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

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
  else response.end('Ok.\n');
});
server.listen(Number(env['STUB_PORT']), '127.0.0.1', () => note(`up ${process.pid}`));
process.on('SIGTERM', () => {
  note('told to stop');
  if (env['STUB_STUBBORN'] === undefined) {
    // A moment of draining, during which the parts below must still be up.
    setTimeout(() => {
      note('stopped');
      process.exit(0);
    }, 100);
  }
});
