/**
 * Keeps what was used of budgets for the next life of this process: what was written to the journal, and what the rows behind it say. So
 * after kill -9 the budgets are where the ledger is, to the last digit.
 */
import type { Budgets, KeptUse, Settled } from '../../decide/budgets/budgets.ts';
import { useOfRow } from '../../decide/budgets/from-row.ts';
import { spentBy } from '../../decide/budgets/spent.ts';
import { subjectOf } from '../../decide/budgets/subject.ts';
import { parseList } from '../../model/json.ts';
import type { Settlement } from '../../model/settlement.ts';
import { openJournal, type Journal } from './journal.ts';
import type { Write } from './journal-messages.ts';

/** How often what was used is written, at most. */
const everyMs = 1000;

export interface KeeperOptions {
  /** Of the journal's file. */
  readonly path: string;
  readonly budgets: Budgets;
  onError(message: string): void;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #booked = new WeakMap<Settlement, Settled['booked']>();
  /** The last row of each life that is in what will be written, and in what was. */
  readonly #seen = new Map<string, number>();
  readonly #written = new Map<string, number>();
  /** Those of which there is something to write. */
  readonly #changed = new Set<string>();
  #unwritten: readonly KeptUse[] = [];
  #journal: Journal | null = null;
  #opening: Promise<void> | null = null;
  #isBehind = false;
  #writing: Promise<void> | null = null;
  #wroteMs = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Takes up what earlier lives used. Without a journal nothing is kept, which is said. Again changes nothing. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** What a call has used, until its row has a number. */
  book(settlement: Settlement, booked: Settled['booked']): void {
    this.#booked.set(settlement, booked);
  }

  /** A row that an earlier life left: counted, unless it is in the journal. */
  leftRow(replica: string, seq: number, json: Buffer): void {
    if (this.#journal === null || seq <= (this.#seen.get(replica) ?? 0)) return;
    this.#see(replica, seq);
    const use = useOfRow(parseList(json.toString()) ?? []);
    if (use === null) return;
    const { subject, spent, startedAtMs } = use;
    this.#options.budgets.replay(subject, spent, startedAtMs, Date.now());
  }

  numbered(settlement: Settlement, replica: string, seq: number): void {
    if (this.#journal === null) return;
    this.#isBehind = true;
    this.#see(replica, seq);
    const booked = this.#booked.get(settlement);
    if (booked !== undefined) this.#options.budgets.toKeep(booked);
    else this.#replay(settlement);
  }

  /** Its row is recorded nowhere. */
  dropped(settlement: Settlement): void {
    this.#options.budgets.toKeep(this.#booked.get(settlement) ?? []);
  }

  allWritten(): void {
    this.#isBehind = false;
    if (this.#journal !== null && performance.now() >= this.#wroteMs + everyMs) this.#writeSome();
  }

  mayForget(replica: string, toSeq: number): boolean {
    return this.#journal === null || (this.#written.get(replica) ?? 0) >= toSeq;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#writing;
    if (!this.#isBehind) this.#writeSome();
    await this.#writing;
    await this.#journal?.close();
    this.#journal = null;
  }

  async #open(): Promise<void> {
    const { path, budgets, onError } = this.#options;
    try {
      const journal = await openJournal(path);
      budgets.restore(journal.uses, Date.now());
      for (const { replica, seq } of journal.applied) {
        this.#seen.set(replica, seq);
        this.#written.set(replica, seq);
      }
      this.#journal = journal;
      this.#timer = setInterval(() => {
        if (!this.#isBehind) this.#writeSome();
      }, everyMs);
      this.#timer.unref();
    } catch (error) {
      onError(`what budgets have used is not kept: ${path}: ${String(error)}`);
    }
  }

  /** A call that held nothing here: of an earlier life, or whose row was lost. */
  #replay(settlement: Settlement): void {
    const { call, attempts } = settlement;
    const { caller, parameters } = call;
    if (caller === null || attempts.length === 0) return;
    const targets = attempts.map(({ target }) => target);
    const subject = subjectOf(call, caller, parameters?.model ?? '', targets);
    this.#options.budgets.replay(subject, spentBy(attempts), call.startedAtMs, Date.now());
  }

  #see(replica: string, seq: number): void {
    this.#seen.set(replica, seq);
    this.#changed.add(replica);
  }

  #writeSome(): void {
    const journal = this.#journal;
    if (journal === null || this.#writing !== null || this.#changed.size === 0) return;
    this.#wroteMs = performance.now();
    const nowMs = Date.now();
    const uses = [...this.#unwritten, ...this.#options.budgets.takeUnkept(nowMs)];
    const applied = [...this.#changed].map((replica) => ({
      replica,
      seq: this.#seen.get(replica) ?? 0,
    }));
    this.#unwritten = uses;
    this.#changed.clear();
    this.#writing = this.#write(journal, { uses, applied, nowMs });
  }

  async #write(journal: Journal, write: Write): Promise<void> {
    const failure = await journal.write(write);
    this.#writing = null;
    if (failure === null) {
      this.#unwritten = [];
      for (const { replica, seq } of write.applied) this.#written.set(replica, seq);
      return;
    }
    for (const { replica } of write.applied) this.#changed.add(replica);
    this.#options.onError(`what budgets have used was not kept, and is tried again: ${failure}`);
  }
}
