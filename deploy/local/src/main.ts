/** `npm start`: the whole product on this machine. */
import path from 'node:path';
import { ports } from './settings.ts';
import { start } from './start.ts';
import { stopWithBoot } from './boot-leash.ts';

const addresses = Object.values(ports)
  .map(({ env, value }) => `  ${env.padEnd(28)}${value}`)
  .join('\n');
const usage = `usage: npm start
Runs the embedded ClickHouse, the trace-router and the gateway until Ctrl-C. Environment, with defaults:
${addresses}
  TOLLGATE_HOST               127.0.0.1
  TOLLGATE_DATA_DIR           .tollgate
  TOLLGATE_CONFIG             tollgate.yaml when present, else built-in defaults
  TOLLGATE_MASTER_KEY, TOLLGATE_DEMO_KEY, TOLLGATE_CALLER_KEY, TOLLGATE_READER_PASSWORD
                              generated at first start, kept in the data directory's folder keys
  TOLLGATE_TAKE_OVER_TIMEOUT_MS  120000: how long to wait for what an earlier start left
Port 0 means any free port.`;

if (process.argv.includes('--help')) process.stdout.write(`${usage}\n`);
else {
  stopWithBoot(process.env);
  const root = path.resolve(import.meta.dirname, '../../..');
  process.exit(await start({ env: process.env, root }));
}
