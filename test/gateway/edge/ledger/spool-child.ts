/** A spool in a process of its own, for a test that limits the size of its files. Commands arrive on stdin. */
import { createInterface } from 'node:readline';
import { newIncarnation } from '../../../../gateway/src/edge/ledger/files.ts';
import { noTotals } from '../../../../gateway/src/edge/ledger/totals.ts';
import { startSpool } from '../../../../gateway/src/edge/ledger/spool.ts';

// The limit is announced by a signal that would end the process; the write itself fails as on a full disk.
process.on('SIGXFSZ', () => {});

const [, , dir = ''] = process.argv;
let errors = 0;
const spool = startSpool({
  onSeal: () => {},
  dir,
  incarnation: newIncarnation(1_700_000_000_000, 1),
  limits: {
    segmentCloses: 10_000,
    segmentSizeBytes: 8_000_000,
    segmentAgeMs: 3_600_000,
    syncMs: 5,
    durability: 'process',
    whenFull: 'refuse',
    maxSpoolBytes: 1_000_000_000,
    maxRefusalsBytes: 1_000_000_000,
  },
  identity: { spool: '0123456789abcdef0123456789abcdef', replica: 'test.alone' },
  reserve: { bytes: 0, intact: () => true, release: () => false, renew: () => true },
  shed: () => false,
  carried: () => '',
  firstSegment: 1,
  firstSeq: 1,
  totals: noTotals(),
  onAllWritten: () => {},
  onSealed: () => {},
  onCommit: () => {},
  onError: () => {
    errors += 1;
  },
});
const idOf = (n: string | undefined): string =>
  `0193549c-d1c0-7000-8000-${Number(n).toString(16).padStart(12, '0')}`;

const answer = async (line: string): Promise<string> => {
  const [command, n] = line.split(' ');
  switch (command) {
    case 'intend':
      return String(await spool.intend(idOf(n), JSON.stringify({ text: 'x'.repeat(100) })));
    case 'close':
      spool.close(idOf(n), (out, seq) => out.text(JSON.stringify([seq, 'x'.repeat(100)])));
      return 'closed';
    case 'seal':
      spool.seal();
      return 'sealed';
    case 'errors':
      return `errors ${errors}`;
    case undefined:
    default: {
      const { intents, closedIntents, closes, dropped } = spool.totals;
      return `intents ${intents} closed ${closedIntents} closes ${closes} dropped ${dropped} open ${spool.openCalls()}`;
    }
  }
};

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${await answer(line)}\n`);
