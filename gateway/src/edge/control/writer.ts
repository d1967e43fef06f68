/**
 * Changes to the control store, one after the other: each is decided on what is at hand, put into the store together with its audit entry, and
 * read back. What others change is read about once a second.
 */
import type { AuditAction } from '../../control/audit.ts';
import { Directory, type Changed } from '../../control/directory.ts';
import type { Actor, RecordKind } from '../../control/records.ts';
import type { FieldProblem } from '../../control/request.ts';
import type { JsonObject } from '../../model/json.ts';
import type { ControlStore } from './store.ts';

/** How often others' changes are looked for. */
const pollMs = 1000;
/** A change that others were faster than is decided anew, so often. */
const mostTries = 5;

export type Done =
  | { readonly kind: 'done'; readonly status: 200 | 201 | 204; readonly body: JsonObject }
  | { readonly kind: 'bad'; readonly problems: readonly FieldProblem[] }
  | { readonly kind: 'missing' }
  /** What is there already, or would not fit to it. */
  | { readonly kind: 'conflict'; readonly problem: FieldProblem }
  /** The store does not answer: nothing was changed. */
  | { readonly kind: 'away' };

/** What a request comes to, if nobody is faster. */
export type Decided =
  | {
      readonly kind: 'change';
      readonly id: string;
      readonly before: JsonObject | null;
      readonly after: JsonObject | null;
      readonly changed: Changed;
      readonly reply: Extract<Done, { kind: 'done' }>;
    }
  | Exclude<Done, { kind: 'done' }>;

/** A request, for the audit. */
export interface Request {
  readonly action: AuditAction;
  readonly kind: RecordKind;
  /** Empty: of something new. */
  readonly id: string;
  readonly actor: Actor;
}

export interface WriterOptions {
  readonly store: ControlStore;
  /** Something is different from now on. */
  onChange(): void;
  onError(message: string): void;
}

const refusalText = (decided: Exclude<Decided, { kind: 'change' }>): string => {
  switch (decided.kind) {
    case 'bad':
      return decided.problems.map(({ param, message }) => `${param}: ${message}`).join(' ');
    case 'missing':
      return 'there is none of this id';
    case 'conflict':
      return `${decided.problem.param}: ${decided.problem.message}`;
    case 'away':
      return 'the store did not answer';
  }
};

export class Writer {
  /** What is at hand. */
  readonly directory = new Directory();
  readonly #options: WriterOptions;
  readonly #timer: NodeJS.Timeout;
  #version = 0;
  #isAway = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: WriterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#refresh(), pollMs);
    this.#timer.unref();
  }

  /** Reads all that is there. @throws what the store does */
  static async start(options: WriterOptions): Promise<Writer> {
    const writer = new Writer(options);
    await writer.#read();
    return writer;
  }

  /** One request after the other, each decided on what the one before it left. */
  do(request: Request, decide: () => Decided): Promise<Done> {
    const done = this.#last.then(() => this.#decideAndPut(request, decide));
    this.#last = done;
    return done;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
    await this.#options.store.close();
  }

  async #decideAndPut(request: Request, decide: () => Decided): Promise<Done> {
    const { store, onError } = this.#options;
    try {
      for (let tries = 0; tries < mostTries; tries += 1) {
        const decided = decide();
        const told = { ...request, atMs: Date.now(), before: null, after: null };
        if (decided.kind !== 'change') {
          const audit = { ...told, refused: refusalText(decided) };
          await store.put({ changed: null, audit }, null);
          return decided;
        }
        const { id, before, after, changed, reply } = decided;
        const audit = { ...told, id, before, after, refused: null };
        const put = await store.put({ changed, audit }, this.#version);
        await this.#read();
        if (put.kind === 'done') return reply;
      }
    } catch (error) {
      onError(`the control store does not answer: ${String(error)}`);
    }
    return { kind: 'away' };
  }

  async #read(): Promise<void> {
    const { version, changes } = await this.#options.store.since(this.#version);
    this.#isAway = false;
    // Somebody else here may have read more meanwhile.
    if (version <= this.#version) return;
    this.#version = version;
    this.directory.apply(changes);
    this.#options.onChange();
  }

  /** The last that was read holds for as long as the store is away; that is said once. */
  async #refresh(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      if (!this.#isAway) this.#options.onError(`the control store is away: ${String(error)}`);
      this.#isAway = true;
    }
  }
}
