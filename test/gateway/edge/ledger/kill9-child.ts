/** A ledger under load in a process of its own, to be killed at any moment. Prints the id of each durable intent. */
import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import {
  attemptJson,
  type Further,
  type Intent,
} from '../../../../gateway/src/edge/ledger/intent.ts';
import { startLedger } from '../../../../gateway/src/edge/ledger/ledger.ts';
import { noObserver } from '../../../../gateway/src/edge/ledger/observer.ts';
import { appendInsert, fileSink } from './file-sink.ts';
import { uuid7 } from '../../../../gateway/src/edge/ids.ts';
import { someAttempt, someCall, someSettlement } from '../../model/settlements.ts';

const [, , dir = '', shippedPath = ''] = process.argv;

/** Appends what it takes, one line an insert; sometimes it takes nothing, sometimes its answer is lost. */
const sink: Sink = {
  ...fileSink(shippedPath),
  insert(rows, token) {
    // Rarely: after it the shipper waits, and a segment that is still there hides what its successor lacks.
    const chance = randomInt(60);
    if (chance === 0) return Promise.resolve({ kind: 'try_again', message: 'away' });
    appendInsert(shippedPath, [...rows], token);
    return Promise.resolve(
      chance === 1 ? { kind: 'try_again', message: 'answer lost' } : { kind: 'done' },
    );
  },
};

const started = await startLedger({
  dir,
  lockWaitMs: 0,
  onLockWait: () => {},
  replica: 'test',
  limits: {
    segmentCloses: 40,
    segmentSizeBytes: 8_000_000,
    segmentAgeMs: 10,
    syncMs: 5,
    durability: 'process',
    whenFull: 'refuse',
    maxSpoolBytes: 1_000_000_000,
    maxRefusalsBytes: 1_000_000_000,
    reserveBytes: 0,
    keepShippedMs: 0,
    reconcileMs: 3_600_000,
  },
  prices: { version: 'none', find: () => null },
  sink,
  observer: noObserver,
  onCommit: () => {},
  onShipped: () => {},
  onDropped: () => {},
  onError: () => {},
});
if (started.kind === 'failed') throw new Error(started.message);
const { ledger } = started;
const next: Further['next'] = {
  target: someAttempt.target,
  account: 'acct-1',
  genAiProvider: 'openai',
};

const oneCall = async (): Promise<void> => {
  const call = { ...someCall, id: uuid7(Date.now()) };
  if (randomInt(8) > 0) {
    const intent: Intent = { call, ...next, estimatedInputTokens: 10 };
    if (!(await ledger.spool.intend(call.id, JSON.stringify(intent)))) return;
    writeSync(1, `${call.id}\n`);
    await sleep(randomInt(30));
    if (randomInt(5) === 0) {
      const further = `{"previous":${attemptJson(someAttempt)},"next":${JSON.stringify(next)}}`;
      await ledger.spool.further(call.id, further);
    }
    if (randomInt(5) === 0) ledger.spool.progress(call.id, '{"elapsedMs":3,"outputTokens":2}');
    await sleep(randomInt(8));
  }
  ledger.settle({ ...someSettlement, call });
  await sleep(0);
};

process.stdout.write('ready\n');
await Promise.all(
  Array.from({ length: 30 }, async () => {
    for (;;) await oneCall();
  }),
);
