/**
 * `npm run fuzz [-- COUNT [SEED]]`: COUNT random statements (100,000), read by the engine and by the gate before the embedded ClickHouse.
 * Nothing that the gate answers may reach a file, hold a function that is not on the list, or mean something else than the client's bytes.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Tally } from './shard.ts';

const usage = `usage: npm run fuzz [-- COUNT [SEED]]
COUNT statements (100000) from SEED (1) on. The same numbers make the same statements.`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const [count = 100_000, seed = 1] = process.argv.slice(2).map(Number);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  print(usage);
  process.exit(process.argv.includes('--help') ? 0 : 2);
}

const isTally = (value: unknown): value is Tally =>
  typeof value === 'object' && value !== null && 'faults' in value && Array.isArray(value.faults);

const workers = os.availableParallelism();
const shardSize = Math.min(2500, Math.ceil(count / workers));
const child = path.join(import.meta.dirname, 'shard-child.ts');
const shards = Array.from({ length: Math.ceil(count / shardSize) }, (_, i) => ({
  firstSeed: seed + i * shardSize,
  count: Math.min(shardSize, count - i * shardSize),
}));

/** Of the last words of a process. */
const maxSaidChars = 4000;

const runShard = async ({ firstSeed, count: size }: (typeof shards)[number]): Promise<Tally> => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'tollgate-fuzz-'));
  try {
    // Statements `AND STDOUT` print; what the engine says of errors is told by the gate. What ends the process is kept.
    const args = [String(firstSeed), String(size), directory];
    const shardProcess = fork(child, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let said = '';
    shardProcess.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-maxSaidChars);
    });
    let tally: unknown = null;
    shardProcess.once('message', (message) => (tally = message));
    const [code] = await once(shardProcess, 'exit');
    if (isTally(tally)) return tally;
    const fault = `seeds ${firstSeed} to ${firstSeed + size - 1}: the process ended with ${String(code)}: ${said}`;
    return {
      statements: size,
      parsed: 0,
      dangerous: 0,
      answeredToReader: 0,
      answeredToWriter: 0,
      faults: [fault],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const startedMs = performance.now();
const tallies: Tally[] = [];
const worker = async () => {
  for (let next = shards.shift(); next !== undefined; next = shards.shift()) {
    const tally = await runShard(next);
    tallies.push(tally);
    for (const fault of tally.faults) print(`fuzz: FAULT ${fault}`);
    if (tallies.length % 8 === 0) print(`fuzz: ${tallies.length * shardSize} statements`);
  }
};
await Promise.all(Array.from({ length: workers }, worker));

const sum = (of: (tally: Tally) => number) =>
  tallies.reduce((before, tally) => before + of(tally), 0);
const faults = sum((tally) => tally.faults.length);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
print(
  `fuzz: ${sum((t) => t.statements)} statements in ${seconds} s: ${sum((t) => t.parsed)} are one statement to the engine, ` +
    `${sum((t) => t.dangerous)} reach a file when nothing holds them; ` +
    `answered: ${sum((t) => t.answeredToReader)} to the reader, ${sum((t) => t.answeredToWriter)} to the writer; faults: ${faults}`,
);
process.exit(faults > 0 ? 1 : 0);
