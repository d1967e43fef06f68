/**
 * The durable spool: append-only segment files, one writer.
 *
 * Entries of one event-loop turn are one write (`group-commit.ts`). An intent is answered when that write returned, so
 * it survives kill -9; fdatasync follows within `syncMs` for power loss. Full or old segments are sealed and handed
 * over (`rotation.ts`); intents without a close move along with the writer (`open-calls.ts`). Every write counts
 * against `maxSpoolBytes`; room for the rows of calls in flight is kept apart (`reserve.ts`).
 */
import type { ByteText } from '../../model/byte-text.ts';
import { Alarm } from './alarm.ts';
import { putClose, putEntry, type EntryKind, type PutRow, type Says } from './entry.ts';
import { startGroupCommit, type GroupCommit } from './group-commit.ts';
import type { Ending, Lent } from './held-rows.ts';
import { headLine } from './identity.ts';
import { openCalls } from './open-calls.ts';
import type { FullReason } from './reserve.ts';
import { startRotation, type Rotation } from './rotation.ts';
import type { SpoolOptions } from './spool-options.ts';
import type { SpoolTotals } from './totals.ts';

export interface Spool {
  /** Makes an intent durable. False: the spool is full or its disk refuses, and the provider must not be called. */
  intend(callId: string, says: Says): Promise<boolean>;
  /** A further attempt, durable like an intent. */
  further(callId: string, says: Says): Promise<boolean>;
  /** The attempt's request went onto its connection; written with the next commit. */
  sent(callId: string): void;
  /** Progress of a stream; written with the next commit. */
  progress(callId: string, says: Says): void;
  /** Progress that is durable like an intent. */
  durableProgress(callId: string, says: Says): Promise<boolean>;
  /**
   * The finished row of a call. Kept and retried when the disk refuses, if the call had an intent; the row of a refused
   * call is dropped and counted when there is no room for it.
   * @param written told once whether the row is in the file, where it survives kill -9; false: held in memory, or dropped
   * @param dropped told that the row is recorded nowhere
   */
  close(
    callId: string,
    row: PutRow,
    written?: (durable: boolean) => void,
    dropped?: () => void,
  ): void;
  /** The row of a call that was closed and whose own row is damaged; asked for in the table before it goes there. */
  replace(callId: string, row: PutRow): void;
  /** Why there is no room for further calls; null: there is. */
  full(): FullReason | null;
  /** Why no new call is accepted; null: they are. */
  refuses(): FullReason | null;
  /** A line about no call, carried by whoever wrote it; written with the next commit. */
  note(line: string): void;
  /** Rows the disk refuses, for somebody who has another place for them; null: none. */
  lend(atMost: number): Lent | null;
  /** Seals what is there, if anything. */
  seal(): void;
  /** When the oldest row in the segment being written was written, epoch milliseconds; null: it has none. */
  firstRowAtMs(): number | null;
  /** Takes no more, and writes what waits if the disk lets it. */
  end(): void;
  /** Seals everything, hands it over, and stops. Rows that nobody took are counted and said as an error. */
  stop(): Promise<void>;
  readonly totals: SpoolTotals;
  openCalls(): number;
}

/** What the row of one call in flight, and its intent in the next segment, may take of the reserve. */
const reservedBytesPerCall = 2048;
const renewMs = 250;

/** Opens a new segment in `dir` and accepts entries. Throws when the directory cannot be written at all. */
export const startSpool = (options: SpoolOptions): Spool => new RunningSpool(options);

class RunningSpool implements Spool {
  readonly totals: SpoolTotals;
  readonly #options: SpoolOptions;
  readonly #open = openCalls();
  readonly #rotation: Rotation;
  readonly #commit: GroupCommit;
  /** Set while there is something to do besides writing. */
  readonly #alarm = new Alarm(() => this.#tick());
  /** Of the next row. */
  #seq: number;
  #stopped = false;
  /** When the reserve was last tried for, on the monotonic clock. */
  #renewedMs = 0;

  constructor(options: SpoolOptions) {
    const { identity, totals, reserve, limits, carried, onCommit, onError } = options;
    this.totals = totals;
    this.#options = options;
    this.#seq = options.firstSeq;
    const makeRoom = (): boolean => options.shed() || reserve.release();
    this.#rotation = startRotation({
      ...options,
      open: this.#open,
      makeRoom,
      putHead: (out) => out.text(headLine({ ...identity, firstSeq: this.#seq }) + carried()),
      hasNotes: () => carried() !== '',
      waiting: () => this.#commit.waiting(),
      onBytes(bytes) {
        totals.bytes += bytes;
      },
    });
    this.#commit = startGroupCommit({
      makeRoom,
      write: (data) => {
        this.#alarm.within(limits.syncMs);
        return this.#rotation.write(data);
      },
      whenSafe: (told) =>
        limits.durability === 'power' ? this.#rotation.whenSynced(told) : told(true),
      onWritten: (committed) => this.#rotation.wrote(committed),
      onAllWritten: options.onAllWritten,
      onCommit,
      onError,
    });
    this.#alarm.within(limits.syncMs);
  }

  intend(callId: string, says: Says): Promise<boolean> {
    const refused = this.full() !== null;
    // Known before it is written: a segment sealed right after the write must carry it.
    this.#open.intend(callId, says);
    this.totals.intents += 1;
    return this.#durable('i', callId, { says, refused }, () => (this.totals.intents -= 1));
  }

  further(callId: string, says: Says): Promise<boolean> {
    // One that went on without an intent.
    if (!this.#open.further(callId, 'a', says)) return Promise.resolve(this.#goesOn());
    const refused = this.totals.bytes >= this.#options.limits.maxSpoolBytes;
    return this.#durable('a', callId, { says, refused });
  }

  sent(callId: string): void {
    if (this.#open.further(callId, 's', '{}'))
      this.#commit.offer((out) => putEntry(out, 's', callId, '{}'));
  }

  progress(callId: string, says: Says): void {
    if (this.#open.progress(callId, says))
      this.#commit.offer((out) => putEntry(out, 'p', callId, says));
  }

  durableProgress(callId: string, says: Says): Promise<boolean> {
    return new Promise((told) => {
      if (this.#open.progress(callId, says))
        this.#commit.durable((out) => putEntry(out, 'p', callId, says), told);
      else told(false);
    });
  }

  close(
    callId: string,
    row: PutRow,
    written: Ending['written'] = null,
    dropped: Ending['dropped'] = null,
  ): void {
    const { totals } = this;
    // After the end a call still open is the next start's to account for.
    if (this.#stopped && this.#open.has(callId)) return written?.(false);
    const reachedProvider = this.#open.close(callId);
    if (reachedProvider) totals.closedIntents += 1;
    else if (this.#stopped || !this.#hasRoomForRefusal()) {
      totals.dropped += 1;
      dropped?.();
      return written?.(false);
    }
    const put = this.#numbered(callId, row);
    const kind = reachedProvider ? 'row' : 'refusal';
    const bytes = this.#commit.keep({ put, kind, written, dropped });
    if (!reachedProvider) totals.refusalBytes += bytes;
  }

  replace(callId: string, row: PutRow): void {
    if (this.#stopped) return;
    const put = this.#numbered(callId, row);
    this.#commit.keep({ put, kind: 'row', written: null, dropped: null });
    this.#rotation.doubt();
    this.totals.recovered += 1;
  }

  note(text: string): void {
    this.#commit.offer((out) => out.text(text));
  }

  lend(atMost: number): Lent | null {
    const { totals } = this;
    const lent = this.#commit.lend(atMost);
    if (lent === null) return null;
    // Whoever takes them may not hear that they arrived, and then they come back to the disk.
    this.#rotation.doubt();
    return {
      ...lent,
      done() {
        totals.spooledRows -= lent.lines.length;
        totals.refusalBytes -= lent.refusalBytes;
        lent.done();
      },
    };
  }

  seal(): void {
    this.#rotation.seal();
  }

  firstRowAtMs(): number | null {
    return this.#rotation.firstRowAtMs();
  }

  openCalls(): number {
    return this.#open.size();
  }

  full(): FullReason | null {
    const { limits, reserve } = this.#options;
    if (this.totals.bytes >= limits.maxSpoolBytes) return 'max_spool';
    if (this.#commit.refusing()) return 'disk';
    if (reserve.bytes === 0) return null;
    return reserve.intact() && this.#open.size() * reservedBytesPerCall <= reserve.bytes
      ? null
      : 'reserve';
  }

  refuses(): FullReason | null {
    return this.#goesOn() ? null : this.full();
  }

  end(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#alarm.stop();
    this.#commit.stop();
  }

  async stop(): Promise<void> {
    const { totals } = this;
    this.end();
    const lost = this.#commit.abandon();
    if (lost > 0) {
      this.#options.onError(`the disk did not take the last ${lost} ledger rows`);
      totals.dropped += lost;
      totals.closes -= lost;
      totals.spooledRows -= lost;
    }
    await this.#rotation.stop();
  }

  /** Puts what was written on the disk itself, and gets back the reserve when the disk has room again. */
  #tick(): void {
    const { reserve, limits } = this.#options;
    if (this.#stopped) return;
    const againMs = this.#rotation.tick();
    if (againMs !== null) this.#alarm.within(Math.max(limits.syncMs, againMs));
    if (reserve.intact()) return;
    this.#alarm.within(renewMs);
    if (performance.now() < this.#renewedMs + renewMs) return;
    this.#renewedMs = performance.now();
    // Shipped segments that are kept for safety's sake stand back for new calls.
    if (this.#commit.waiting() === 0 && !reserve.renew()) this.#options.shed();
  }

  /** An entry without which the provider must not be called. */
  #durable(
    kind: EntryKind,
    callId: string,
    { says, refused }: { readonly says: Says; readonly refused: boolean },
    takeBack?: () => void,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const told = (ok: boolean): void => {
        if (ok) return resolve(true);
        this.#open.takeBack(callId);
        takeBack?.();
        resolve(this.#goesOn());
      };
      if (refused) told(false);
      else this.#commit.durable((out) => putEntry(out, kind, callId, says), told);
    });
  }

  /** Puts down the line of a finished row, which takes the next number and is counted. */
  #numbered(callId: string, row: PutRow): (out: ByteText) => void {
    return (out) => {
      putClose(out, callId, this.#seq, row);
      this.#seq += 1;
      this.totals.closes += 1;
      this.totals.spooledRows += 1;
    };
  }

  #goesOn(): boolean {
    return !this.#stopped && this.#options.limits.whenFull === 'go_on';
  }

  #hasRoomForRefusal(): boolean {
    return this.totals.refusalBytes < this.#options.limits.maxRefusalsBytes && this.full() === null;
  }
}
