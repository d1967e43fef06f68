/** `npm run failures`: many failing and many hung-up queries, and what they leave in the engine's memory. Some two minutes. */
import { allowedBytes, tryFailures } from './trial.ts';

const usage = `usage: npm run failures [-- COUNT]
COUNT failing queries and COUNT that are hung up (1000), beside inserts and reads that must not notice.`;

const [asked = '1000'] = process.argv.slice(2);
if (process.argv.includes('--help')) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const count = Number(asked);
if (!Number.isSafeInteger(count) || count < 1) {
  process.stderr.write(`failures: COUNT is '${asked}'; a positive whole number is needed\n`);
  process.exit(1);
}

const startedMs = performance.now();
const report = await tryFailures(count);
const MiB = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
const { beforeBytes, highestBytes, afterBytes, replaced, inserts, faults } = report;
const lines = [
  `${report.failed} failed and ${report.hungUp} hung-up queries in ${((performance.now() - startedMs) / 1000).toFixed(0)} s, beside ${inserts} inserts`,
  `the engine's process: ${MiB(beforeBytes)} before, ${MiB(highestBytes)} at most, ${MiB(afterBytes)} after (${MiB(allowedBytes)} more are allowed); replaced ${replaced} times`,
  ...faults.slice(0, 20).map((fault) => `FAULT: ${fault}`),
  `failures: ${faults.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed'}`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exit(faults.length === 0 ? 0 : 1);
