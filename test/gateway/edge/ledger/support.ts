/** What the tests of the ledger share: directories that go away, sinks that do as they are told, collected complaints. */
import { noObserver } from '../../../../gateway/src/edge/ledger/observer.ts';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Inserted } from '../../../../deploy/clickhouse/src/edge/insert-once.ts';
import type { PriceTable } from '../../../../gateway/src/decide/price.ts';
import { rowName, type Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import {
  parseEntry,
  putClose,
  putEntry,
  type Entry,
} from '../../../../gateway/src/edge/ledger/entry.ts';
import type { Intent } from '../../../../gateway/src/edge/ledger/intent.ts';
import {
  startLedger,
  type Ledger,
  type LedgerLimits,
} from '../../../../gateway/src/edge/ledger/ledger.ts';
import { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import { someAttempt, someCall } from '../../model/settlements.ts';

export const limits: LedgerLimits = {
  segmentCloses: 10_000,
  segmentSizeBytes: 8_000_000,
  segmentAgeMs: 3_600_000,
  syncMs: 5,
  maxSpoolBytes: 1_000_000_000,
  maxRefusalsBytes: 1_000_000_000,
  reserveBytes: 0,
  durability: 'process',
  whenFull: 'refuse',
  keepShippedMs: 0,
  reconcileMs: 3_600_000,
};

/** What a spool without a ledger around it needs. */
export const alone = {
  identity: { spool: '0123456789abcdef0123456789abcdef', replica: 'test.alone' },
  reserve: { bytes: 0, intact: () => true, release: () => false, renew: () => true },
  shed: () => false,
  carried: () => '',
  onSeal: () => {},
};

/** A directory of this test alone. */
export const tempDir = (): string => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-ledger-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

/** Nothing has a price. */
export const noPrices: PriceTable = { version: 'none', find: () => null };

/** A call id that is a UUID and says its number. */
export const callId = (n: number): string =>
  `0193549c-d1c0-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** One entry as a line of a segment, newline included. */
export const entryLine = (entry: Entry): string => {
  const out = new ByteText();
  if (entry.kind === 'c') putClose(out, entry.callId, entry.seq, () => out.text(entry.json));
  else putEntry(out, entry.kind, entry.callId, entry.json);
  return out.view(0).toString();
};

/** The intent of call `n`. */
export const intentOf = (n: number): string =>
  JSON.stringify({
    call: { ...someCall, id: callId(n) },
    target: someAttempt.target,
    account: 'acct-1',
    genAiProvider: 'openai',
    estimatedInputTokens: 100,
  } satisfies Intent);

export interface Insert {
  readonly token: string;
  readonly rows: readonly string[];
}

/** Whether one of these rows is of the same call as a row. */
const hasCall = (rows: ReadonlySet<string>, json: Buffer): boolean => {
  const id = idOfRow(json.toString());
  return id.length === 36 && [...rows].some((row) => idOfRow(row) === id);
};

const namesOf = (rows: ReadonlySet<string>, id: string): string[] =>
  [...rows].flatMap((row) => {
    const values: unknown = id.length === 36 && row.includes(id) ? JSON.parse(row) : null;
    return Array.isArray(values) ? [rowName(String(values[2]), String(values[3]))] : [];
  });

/** A ClickHouse that keeps what it is given, once per token, and answers as told; by default it takes everything. */
export const scriptedSink = (
  answer: (insert: Insert, earlier: readonly Insert[]) => Inserted['kind'] | 'lost' = () => 'done',
) => {
  const asked: Insert[] = [];
  const taken = new Map<string, readonly string[]>();
  const spared: string[] = [];
  const sink: Sink = {
    insert(rows, token) {
      const insert = { token, rows: [...rows].map(String) };
      const kind = answer(insert, asked);
      asked.push(insert);
      if ((kind === 'done' || kind === 'lost') && !taken.has(token)) taken.set(token, insert.rows);
      return Promise.resolve(
        kind === 'done'
          ? { kind }
          : { kind: kind === 'lost' ? 'try_again' : kind, message: `scripted: ${kind}` },
      );
    },
    find(rows) {
      const kind = answer({ token: 'find', rows: rows.map(({ json }) => json.toString()) }, asked);
      if (kind === 'try_again')
        return Promise.resolve({ kind: 'unavailable', message: `scripted: ${kind}` });
      const there = new Set([...taken.values()].flat());
      const found = rows.filter(({ json }) => there.has(json.toString()) || hasCall(there, json));
      return Promise.resolve({
        kind: 'found',
        rowsOf: new Map(found.map(({ callId: id }) => [id, namesOf(there, id)])),
      });
    },
    spare(rows, replica) {
      const kind = answer({ token: 'spare', rows: rows.map(({ json }) => json.toString()) }, asked);
      if (kind !== 'done' && kind !== 'lost')
        return Promise.resolve({ kind, message: `scripted: ${kind}` });
      spared.push(...rows.map(({ seq }) => rowName(replica, seq)));
      return Promise.resolve({ kind: 'done' });
    },
    tally({ replica, above, upTo, sinceMs }) {
      const seqs = [...taken.values()]
        .flat()
        .map((row): unknown => JSON.parse(row))
        .flatMap((row) =>
          Array.isArray(row) && row[2] === replica && Number(row[0]) * 1000 >= sinceMs
            ? [Number(row[3])]
            : [],
        )
        .filter((seq) => seq > above && seq <= upTo);
      const seqSum = BigInt(seqs.reduce((sum, seq) => sum + seq, 0));
      return Promise.resolve({ kind: 'tallied', rows: seqs.length, seqSum });
    },
    close: () => Promise.resolve(),
  };
  return { sink, asked, taken, spared, rows: () => [...taken.values()].flat() };
};

/** Starts a ledger that must start; stopped with the test. */
export const ledgerIn = async (
  dir: string,
  sink: Sink,
  more: {
    readonly replica?: string;
    readonly limits?: Partial<LedgerLimits>;
    readonly prices?: PriceTable;
  } = {},
): Promise<{
  readonly ledger: Ledger;
  readonly complaints: readonly string[];
  /** Calls whose row was dropped. */
  readonly dropped: readonly string[];
}> => {
  const complaints: string[] = [];
  const dropped: string[] = [];
  const started = await startLedger({
    dir,
    lockWaitMs: 0,
    onLockWait: () => {},
    replica: more.replica ?? 'test',
    limits: { ...limits, ...more.limits },
    prices: more.prices ?? noPrices,
    sink,
    observer: noObserver,
    onCommit: () => {},
    onShipped: () => {},
    onDropped: ({ call }) => dropped.push(call.id),
    onError: (message) => complaints.push(message),
  });
  if (started.kind === 'failed') throw new Error(started.message);
  return { ledger: started.ledger, complaints, dropped };
};

/** The segments of a directory by name, each as its entries. */
export const segmentsIn = (dir: string): Map<string, readonly Entry[]> =>
  new Map(
    readdirSync(dir)
      .filter((name) => name.endsWith('.seg'))
      .toSorted()
      .map((name) => [
        name,
        readFileSync(path.join(dir, name), 'utf8')
          .split('\n')
          .flatMap((line) => {
            const entry = parseEntry(Buffer.from(line));
            // Of calls alone: what a segment says of itself is looked at where it matters.
            if (entry === null || entry.kind === 'h' || entry.kind === 'm') return [];
            const { kind, callId, seq, json } = entry;
            return [{ kind, callId, seq, json: json.toString() }];
          }),
      ]),
  );

/** The call's id in a row of JSONCompactEachRow. */
export const idOfRow = (row: string): string => {
  const values: unknown = JSON.parse(row);
  return Array.isArray(values) ? String(values[1]) : '';
};

/** Turns of the event loop, until something is true. */
export const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
};
