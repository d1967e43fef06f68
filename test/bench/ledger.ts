/**
 * `npm run bench -- ledger`: CPU of the record of one call: intent, what went out, row, into a file that is read, checked and
 * handed to a sink that takes everything. In turns of as many calls as run at once; beside it, in the same run, what the
 * same bytes cost as one plain write a turn.
 */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Sink } from '../../gateway/src/edge/ledger/clickhouse.ts';
import { putIntent } from '../../gateway/src/edge/ledger/stored-intent.ts';
import { startLedger, type Ledger } from '../../gateway/src/edge/ledger/ledger.ts';
import { noObserver } from '../../gateway/src/edge/ledger/observer.ts';
import { priceTable } from '../../gateway/src/prices/table.ts';
import type { Settlement } from '../../gateway/src/model/settlement.ts';
import { someAttempt, someSettlement } from '../gateway/model/settlements.ts';
import { cpuSeconds } from './support/cpu.ts';
import { readOptions } from './support/options.ts';
import { publish, table } from './support/report.ts';

const options = {
  calls: { kind: 'number', value: 60_000, range: [1000, 10_000_000], help: 'calls of a round' },
  rounds: { kind: 'number', value: 7, range: [1, 1000], help: 'rounds, after one to warm up' },
  width: { kind: 'number', value: 40, range: [1, 10_000], help: 'calls that run at once' },
} as const;

/** Takes everything at once, and counts it. */
const sinkOf = (): { readonly sink: Sink; readonly bytes: () => number } => {
  let bytes = 0;
  return {
    bytes: () => bytes,
    sink: {
      insert(rows) {
        for (const row of rows) bytes += row.length;
        return Promise.resolve({ kind: 'done' });
      },
      find: () => Promise.resolve({ kind: 'found', rowsOf: new Map() }),
      spare: () => Promise.resolve({ kind: 'done' }),
      tally: () => Promise.resolve({ kind: 'unavailable', message: 'a benchmark has no table' }),
      close: () => Promise.resolve(),
    },
  };
};

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

/** Calls as they come: the same few callers, other ids, times and counts. */
const settlementOf = (n: number): Settlement => {
  const { call } = someSettlement;
  const atMs = Date.now();
  const id = `0${hex(atMs, 11).slice(0, 7)}-${hex(atMs, 12).slice(8)}-7000-8000-${hex(n, 12)}`;
  const durationMs = 600 + (n % 977) * 1.37;
  return {
    ...someSettlement,
    durationMs: durationMs + 0.4,
    providerMs: durationMs,
    firstTokenMs: 200 + (n % 91),
    call: {
      ...call,
      id,
      startedAtMs: atMs,
      trace: { ...call.trace, traceId: hex(n, 32), spanId: hex(n, 16) },
    },
    attempts: [
      {
        ...someAttempt,
        durationMs,
        spanId: hex(n + 1, 16),
        upstreamId: `chatcmpl-${hex(n, 24)}`,
        usage: {
          ...someAttempt.usage,
          tokens: { ...someAttempt.usage.tokens, input_uncached: 900 + (n % 301) },
        },
      },
    ],
  };
};

/** Made once, so that what a benchmark needs to make calls is no part of what their record costs. */
const settlements = Array.from({ length: 10_000 }, (_, n) => settlementOf(n));

/** Records calls, `width` of them in a turn of the event loop; microseconds of CPU a call. */
const recordCalls = async (
  ledger: Ledger,
  { calls, width }: { readonly calls: number; readonly width: number },
): Promise<number> => {
  const before = cpuSeconds([process.pid]);
  for (let at = 0; at < calls; at += width) {
    const from = at % (settlements.length - width);
    const now = settlements.slice(from, from + width);
    const intents = now.map(({ call }) =>
      ledger.spool.intend(call.id, (out) =>
        putIntent(out, {
          call,
          target: someAttempt.target,
          account: someAttempt.account,
          genAiProvider: someAttempt.genAiProvider,
          estimatedInputTokens: 1000,
        }),
      ),
    );
    await Promise.all(intents);
    for (const { call } of now) ledger.spool.sent(call.id);
    await turn();
    for (const settlement of now) ledger.settle(settlement);
    await turn();
  }
  ledger.spool.seal();
  await ledger.shipper.drain(60_000);
  return ((cpuSeconds([process.pid]) - before) / calls) * 1e6;
};

/** The same bytes as plain writes, one a turn, with a sync every so many; microseconds of CPU a call. */
const writePlainly = async (
  dir: string,
  {
    calls,
    width,
    bytes,
  }: { readonly calls: number; readonly width: number; readonly bytes: number },
): Promise<number> => {
  const piece = Buffer.alloc(bytes * width, 'x');
  const fd = openSync(path.join(dir, 'plain'), 'w');
  const before = cpuSeconds([process.pid]);
  for (let at = 0; at < calls; at += width) {
    writeSync(fd, piece);
    if (at % (width * 20) === 0) await new Promise((done) => fdatasync(fd, done));
    await turn();
  }
  const us = ((cpuSeconds([process.pid]) - before) / calls) * 1e6;
  closeSync(fd);
  return us;
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

export const run = async (args: readonly string[]): Promise<void> => {
  const { calls, rounds, width, json } = readOptions(options, args);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-bench-ledger-'));
  const { sink, bytes } = sinkOf();
  const start = await startLedger({
    dir: path.join(dir, 'ledger'),
    lockWaitMs: 0,
    onLockWait: () => {},
    replica: 'bench',
    limits: {
      segmentCloses: 10_000,
      segmentSizeBytes: 8_000_000,
      segmentAgeMs: 1000,
      syncMs: 100,
      maxSpoolBytes: 4 * 2 ** 30,
      maxRefusalsBytes: 64 * 2 ** 20,
      durability: 'process',
      whenFull: 'refuse',
      reserveBytes: 0,
      keepShippedMs: 0,
      reconcileMs: 3_600_000,
    },
    prices: priceTable('bench', new Map(), []),
    sink,
    observer: noObserver,
    onCommit: () => {},
    onShipped: () => {},
    onDropped: () => {},
    onError: (message) => process.stderr.write(`${message}\n`),
  });
  if (start.kind === 'failed') throw new Error(start.message);
  const { ledger } = start;
  try {
    await recordCalls(ledger, { calls, width });
    const rowBytes = Math.round(bytes() / calls);
    const results: { readonly recordUs: number; readonly plainUs: number }[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const recordUs = await recordCalls(ledger, { calls, width });
      const plainUs = await writePlainly(dir, { calls, width, bytes: rowBytes });
      results.push({ recordUs, plainUs });
    }
    const recordUs = median(results.map((one) => one.recordUs));
    const plainUs = median(results.map((one) => one.plainUs));
    const text = table([
      ['', 'us of CPU a call'],
      ['record: intent, sent, row, read and handed over', recordUs.toFixed(1)],
      [`a plain write of ${rowBytes} bytes`, plainUs.toFixed(1)],
    ]);
    publish('ledger', text, { calls, width, rowBytes, recordUs, plainUs, results }, json);
  } finally {
    await ledger.stop(1000);
    rmSync(dir, { recursive: true, force: true });
  }
};
