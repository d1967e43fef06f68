/**
 * Ships sealed segments to ClickHouse, oldest first, one at a time, each under its own deduplication token. A shipped
 * segment is kept for a while, so that rows which the server loses can be sent again (`kept.ts`). Whatever goes wrong,
 * the segment stays and is tried again; a damaged one is set aside when what it still says is shipped.
 */
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Aside } from './aside.ts';
import type { Row, Sink } from './clickhouse.ts';
import { parseEntry } from './entry.ts';
import { forgetHalves, halvesOf } from './halves.ts';
import { tokenOf } from './identity.ts';
import { startOfCall, type Kept, type Shipment } from './kept.ts';
import { placer, type Placed } from './placer.ts';
import { readSegment, type Contents } from './read-segment.ts';
import type { Sealed } from './rotation.ts';
import type { SpoolTotals } from './spool-totals.ts';
import { noRows, type Tally } from '../../decide/tally.ts';

export interface ShipTotals {
  shipped: number;
  resent: number;
  /** Refused by the table; they lie in `dead/`. */
  dead: number;
  /** Damaged on disk for good, or deleted by somebody. */
  damaged: number;
  /** Lines that had one flipped bit. */
  mended: number;
  /** Inserts and questions that ClickHouse did not answer as hoped. */
  failures: number;
}

export interface Shipper {
  add(segment: Sealed): void;
  /** Sends those rows of a shipped segment again that the table does not have. Resolves when it has them. */
  again(segment: Sealed): Promise<void>;
  /** Sends rows (whole lines of the spool) that have no file; whether all of them are in the table now. */
  sendLines(lines: readonly string[]): Promise<boolean>;
  /** Ships what is there until all is gone or the time is up. Returns whether all is gone. */
  drain(withinMs: number): Promise<boolean>;
  /** Gives up what is under way, which the next start sends again. */
  stop(): Promise<void>;
  readonly totals: ShipTotals;
  /** When the oldest row still here was written, epoch milliseconds; null: none is. */
  oldestRowAtMs(): number | null;
}

export interface ShipperOptions {
  readonly sink: Sink;
  /** Of this directory; for segments that do not say whose they are. */
  readonly spoolId: string;
  readonly aside: Aside;
  readonly kept: Kept;
  readonly spool: SpoolTotals;
  /** See `placer.ts`. */
  readonly maxLooks?: number;
  /** So many rows of a segment cannot be read; it is moved out of the way when this resolves. Must not throw. */
  onRowsLost(segment: Sealed, rows: number): Promise<void>;
  /** @param spared of its rows; see `Placed` */
  onShipment(shipment: Shipment, spared: Tally): void;
  onShipped(seconds: number): void;
  onError(message: string): void;
}

const backoffMs = { first: 250, most: 5_000 } as const;

/** The value of the column `replica`, from a row; for segments without a head. */
const replicaIn = (row: Row | undefined): string => {
  const values: unknown = row === undefined ? [] : JSON.parse(row.json.toString());
  return Array.isArray(values) ? String(values[2] ?? '') : '';
};

const replicaOf = ({ head, rows }: Contents): string => head?.replica ?? replicaIn(rows[0]);

const shipmentOf = (segment: Sealed, contents: Contents): Shipment => {
  const { head, rows } = contents;
  let toSeq = (head?.firstSeq ?? 1) - 1;
  let earliest: string | null = null;
  for (const { seq, callId } of rows) {
    toSeq = Math.max(toSeq, seq);
    if (earliest === null || callId < earliest) earliest = callId;
  }
  return {
    segment,
    replica: replicaOf(contents),
    toSeq,
    sinceMs: earliest === null ? segment.firstRowAtMs : startOfCall(earliest),
  };
};

/** Starts shipping whatever `add` is given. */
export const startShipper = (options: ShipperOptions): Shipper => {
  const { sink, aside, kept, spool, onError } = options;
  /** With who waits for a segment that is sent again; null: it is shipped for the first time. */
  const queue: { readonly segment: Sealed; readonly sentAgain: (() => void) | null }[] = [];
  const totals: ShipTotals = { shipped: 0, resent: 0, dead: 0, damaged: 0, mended: 0, failures: 0 };
  const stopping = new AbortController();
  let running: Promise<void> | null = null;

  /** Waits before the next try; false: told to stop. */
  const pause = async (tries: number): Promise<boolean> => {
    const pauseMs = Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(tries, 10));
    await sleep(pauseMs, null, { signal: stopping.signal }).catch(() => null);
    return !stopping.signal.aborted;
  };

  const place = placer({
    sink,
    pause,
    signal: stopping.signal,
    maxLooks: options.maxLooks,
    onResent: (rows) => (totals.resent += rows),
    onFailure: () => (totals.failures += 1),
    onError,
  });

  const placed = (segment: Sealed, contents: Contents): Promise<Placed | null> => {
    const { head, rows } = contents;
    if (rows.length === 0) return Promise.resolve({ shipped: 0, dead: 0, spared: noRows });
    const name = basename(segment.path, '.seg');
    return place({
      rows,
      replica: replicaOf(contents),
      token: tokenOf(head?.spool ?? options.spoolId, segment),
      halves: halvesOf(segment.path),
      doubtful: segment.doubtful,
      bury: (row, part, reason) =>
        aside.bury(part === '' ? name : `${name}.${part}`, row.json, reason),
    });
  };

  /** Of the rows that were written. */
  const lostRows = (segment: Sealed, { rows }: Contents): number =>
    Math.max(segment.closes - rows.length, 0);

  /** Books what was placed, and puts the file where it belongs now. */
  const book = (segment: Sealed, contents: Contents, result: Placed): void => {
    const { shipped, dead, spared } = result;
    const damaged = lostRows(segment, contents);
    totals.shipped += shipped;
    totals.dead += dead;
    totals.damaged += damaged;
    totals.mended += contents.mended;
    spool.bytes -= segment.bytes;
    spool.refusalBytes -= segment.refusalBytes;
    spool.spooledRows -= segment.closes;
    const shipment = shipmentOf(segment, contents);
    options.onShipment(shipment, spared);
    forgetHalves(segment.path);
    if (!segment.damaged && contents.mended + contents.damaged + damaged === 0) {
      kept.keep(shipment);
      return;
    }
    const why =
      damaged > 0 ? `${damaged} rows cannot be read` : 'some lines had to be mended or left out';
    aside.quarantine(segment.path, why);
  };

  /** False: told to stop before it was done. */
  const shipAgain = async (segment: Sealed): Promise<boolean> => {
    const contents = await readSegment(segment.path, segment.closes);
    return contents === null || (await placed({ ...segment, doubtful: true }, contents)) !== null;
  };

  /** False: told to stop before it was done. */
  const ship = async (segment: Sealed): Promise<boolean> => {
    const startedMs = performance.now();
    const contents = await readSegment(segment.path, segment.closes);
    if (contents === null) {
      const gone: Contents = { head: null, rows: [], mended: 0, damaged: 0 };
      if (segment.closes > 0)
        onError(
          `${basename(segment.path)} with ${segment.closes} rows was deleted by somebody: they are lost`,
        );
      book(segment, gone, { shipped: 0, dead: 0, spared: noRows });
      return true;
    }
    const result = await placed(segment, contents);
    if (result === null) return false;
    const lost = lostRows(segment, contents);
    if (lost > 0) await options.onRowsLost(segment, lost);
    book(segment, contents, result);
    options.onShipped((performance.now() - startedMs) / 1000);
    return true;
  };

  /** Ships all there is. A file that cannot be read or set aside holds up those behind it, until it can. */
  const run = async (): Promise<void> => {
    for (let failures = 0; queue[0] !== undefined;) {
      const { segment, sentAgain } = queue[0];
      try {
        if (!(await (sentAgain === null ? ship(segment) : shipAgain(segment)))) return;
        queue.shift();
        sentAgain?.();
        failures = 0;
      } catch (error) {
        totals.failures += 1;
        if (failures === 0)
          onError(`cannot ship ${basename(segment.path)}, trying again: ${String(error)}`);
        if (!(await pause(failures))) return;
        failures += 1;
      }
    }
  };
  const wake = (): void => {
    running ??= run().finally(() => {
      running = null;
    });
  };

  const enqueue = (segment: Sealed, sentAgain: (() => void) | null): void => {
    queue.push({ segment, sentAgain });
    if (!stopping.signal.aborted) wake();
  };

  return {
    totals,
    oldestRowAtMs: () =>
      queue.find(({ segment, sentAgain }) => segment.closes > 0 && sentAgain === null)?.segment
        .firstRowAtMs ?? null,
    add: (segment) => enqueue(segment, null),
    again: (segment) =>
      new Promise((resolve) => {
        enqueue(segment, resolve);
      }),
    async sendLines(lines) {
      const rows = lines.flatMap((line) => parseEntry(Buffer.from(line.trimEnd())) ?? []);
      const found = await sink.find(rows, stopping.signal);
      const there = found.kind === 'found' ? found.rowsOf : null;
      const missing = rows.filter(({ callId }) => there?.has(callId) === false);
      // The same rows come again until they are in: their first one names them.
      const token = `${options.spoolId}/held/${rows[0]?.callId ?? ''}`;
      const result =
        there === null || missing.length === 0
          ? null
          : await sink.insert(
              missing.map(({ json }) => json),
              token,
              stopping.signal,
            );
      const done = there !== null && (result === null || result.kind === 'done');
      if (done) totals.shipped += rows.length;
      else totals.failures += 1;
      return done;
    },
    async drain(withinMs) {
      const over = new AbortController();
      const late = sleep(withinMs, 'late', { signal: over.signal }).catch(() => null);
      if (queue.length > 0) wake();
      await Promise.race([running, late]);
      over.abort();
      return queue.length === 0;
    },
    async stop() {
      stopping.abort();
      await running;
      await sink.close();
    },
  };
};
