/** What the tests of the ledger share: directories that go away, sinks that do as they are told, collected complaints. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { PriceTable } from '../../../../gateway/src/decide/price.ts';
import type { Inserted, Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import { parseEntry, type Entry } from '../../../../gateway/src/edge/ledger/entry.ts';
import type { Intent } from '../../../../gateway/src/edge/ledger/intent.ts';
import { startLedger, type Ledger } from '../../../../gateway/src/edge/ledger/ledger.ts';
import type { SpoolLimits } from '../../../../gateway/src/edge/ledger/spool.ts';
import { someAttempt, someCall } from '../../model/settlements.ts';

export const limits: SpoolLimits = {
  segmentCloses: 10_000,
  segmentBytes: 8_000_000,
  segmentAgeMs: 3_600_000,
  syncMs: 5,
  maxSpoolBytes: 1_000_000_000,
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

/** The intent of call `n`. */
export const intentOf = (n: number): string =>
  JSON.stringify({
    call: { ...someCall, id: callId(n) },
    target: someAttempt.target,
    account: 'acct-1',
    system: 'openai',
    estimatedInputTokens: 100,
  } satisfies Intent);

export interface Insert {
  readonly token: string;
  readonly rows: readonly string[];
}

/** A ClickHouse that keeps what it is given, once per token, and answers as told; by default it takes everything. */
export const scriptedSink = (
  answer: (insert: Insert, earlier: readonly Insert[]) => Inserted['kind'] | 'lost' = () =>
    'inserted',
) => {
  const asked: Insert[] = [];
  const taken = new Map<string, readonly string[]>();
  const sink: Sink = {
    insert(rows, token) {
      const insert = { token, rows: rows.map(String) };
      const kind = answer(insert, asked);
      asked.push(insert);
      if ((kind === 'inserted' || kind === 'lost') && !taken.has(token))
        taken.set(token, insert.rows);
      return Promise.resolve(
        kind === 'inserted'
          ? { kind }
          : { kind: kind === 'lost' ? 'unavailable' : kind, message: `scripted: ${kind}` },
      );
    },
    close: () => Promise.resolve(),
  };
  return { sink, asked, rows: () => [...taken.values()].flat() };
};

/** Starts a ledger that must start; stopped with the test. */
export const ledgerIn = async (
  dir: string,
  sink: Sink,
  more: { readonly limits?: Partial<SpoolLimits>; readonly prices?: PriceTable } = {},
): Promise<{ readonly ledger: Ledger; readonly complaints: readonly string[] }> => {
  const complaints: string[] = [];
  const started = await startLedger({
    dir,
    lockWaitMs: 0,
    onLockWait: () => {},
    replica: 'test',
    limits: { ...limits, ...more.limits },
    prices: more.prices ?? noPrices,
    sink,
    onCommit: () => {},
    onShipped: () => {},
    onError: (message) => complaints.push(message),
  });
  if (started.kind === 'failed') throw new Error(started.message);
  return { ledger: started.ledger, complaints };
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
            return entry === null ? [] : [{ ...entry, json: entry.json.toString() }];
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
