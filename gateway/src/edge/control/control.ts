/**
 * What an administrator may do: each request is decided on what is at hand, put into the store together with its audit entry, and in force
 * when it is answered. Other processes on the same store see it within a second.
 */
import { randomBytes } from 'node:crypto';
import type { AuditEntry } from '../../control/audit.ts';
import { budgetIn, newBudget, patchedBudget, shownBudget } from '../../control/budgets.ts';
import type { Directory, KnownSecret } from '../../control/directory.ts';
import { secretHash } from '../../control/hash.ts';
import {
  newKey,
  patchedKey,
  rotatedKey,
  shownKey,
  isoTime,
  type Fresh,
} from '../../control/keys.ts';
import type {
  Actor,
  BudgetRecord,
  ControlRecord,
  KeyRecord,
  RecordKind,
} from '../../control/records.ts';
import type { AccountState } from '../../decide/budgets/budgets.ts';
import type { Caller } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import { uuid7 } from '../ids.ts';
import { Writer, type Decided, type Done, type WriterOptions } from './writer.ts';

export interface ControlOptions extends WriterOptions {
  /** What secrets are hashed with. */
  readonly hashKey: string;
  /** Ids that the configuration file has taken. */
  taken(kind: RecordKind, id: string): boolean;
  /** The accounts of a budget. */
  states(budgetId: string): readonly AccountState[];
}

/** Secrets that are remembered; all are forgotten when there are more. */
const maxKnown = 10_000;

const belowSpent =
  'is below what is used and reserved now; wait for the next window, or make a new budget.';

export class Control {
  readonly #options: ControlOptions;
  readonly #writer: Writer;
  /** Secrets seen and found; forgotten whenever something changes. */
  readonly #known: Map<string, KnownSecret>;

  private constructor(options: ControlOptions, writer: Writer, known: Map<string, KnownSecret>) {
    this.#options = options;
    this.#writer = writer;
    this.#known = known;
  }

  /** Reads all that is there. @throws what the store does */
  static async start(options: ControlOptions): Promise<Control> {
    const known = new Map<string, KnownSecret>();
    const onChange = (): void => {
      known.clear();
      options.onChange();
    };
    return new Control(options, await Writer.start({ ...options, onChange }), known);
  }

  get directory(): Pick<Directory, 'inForce'> {
    return this.#writer.directory;
  }

  /** Whose secret this is, and no longer than it is one; null: nobody's. */
  caller(secret: string): Caller | null {
    let known = this.#known.get(secret);
    if (known === undefined) {
      const found = this.#writer.directory.find(secretHash(this.#options.hashKey, secret));
      if (found === null) return null;
      if (this.#known.size >= maxKnown) this.#known.clear();
      this.#known.set(secret, found);
      known = found;
    }
    return known.untilMs > Date.now() ? known.caller : null;
  }

  keys(): readonly JsonObject[] {
    return this.#writer.directory.keys().map(shownKey);
  }

  key(id: string): JsonObject | null {
    const key = this.#writer.directory.key(id);
    return key === null ? null : shownKey(key);
  }

  budgets(): readonly JsonObject[] {
    return this.#writer.directory.budgets().map((record) => this.#shown(record));
  }

  budget(id: string): JsonObject | null {
    const record = this.#writer.directory.budget(id);
    return record === null ? null : this.#shown(record);
  }

  audit(after: number, most: number): Promise<readonly AuditEntry[]> {
    return this.#options.store.audit(after, most);
  }

  createKey(body: unknown, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'create', kind: 'key', id: '', actor }, () => {
      const { secret, ...fresh } = this.#fresh();
      const read = newKey(body, fresh);
      if (read.kind === 'bad') return read;
      return this.#change(null, read.value, { ...shownKey(read.value), key: secret }, 201);
    });
  }

  patchKey(id: string, body: unknown, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'update', kind: 'key', id, actor }, () =>
      this.#ofKey(id, (key) => {
        const read = patchedKey(key, body, Date.now());
        return read.kind === 'bad'
          ? read
          : this.#change(key, read.value, shownKey(read.value), 200);
      }),
    );
  }

  rotateKey(id: string, body: unknown, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'rotate', kind: 'key', id, actor }, () =>
      this.#ofKey(id, (key) => {
        const { secret, ...fresh } = this.#fresh();
        const read = rotatedKey(key, body, fresh);
        if (read.kind === 'bad') return read;
        return this.#change(key, read.value, { ...shownKey(read.value), key: secret }, 200);
      }),
    );
  }

  deleteKey(id: string, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'delete', kind: 'key', id, actor }, () =>
      this.#ofKey(id, (key) => this.#gone(key)),
    );
  }

  createBudget(body: unknown, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'create', kind: 'budget', id: '', actor }, () => {
      const nowMs = Date.now();
      const read = newBudget(body, { id: `budget_${uuid7(nowMs).replaceAll('-', '')}`, nowMs });
      if (read.kind === 'bad') return read;
      const { id } = read.value;
      if (this.#writer.directory.budget(id) !== null || this.#options.taken('budget', id))
        return { kind: 'conflict', problem: { param: 'id', message: `'${id}' is taken.` } };
      return this.#change(null, read.value, this.#shown(read.value), 201);
    });
  }

  patchBudget(id: string, body: unknown, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'update', kind: 'budget', id, actor }, () =>
      this.#ofBudget(id, (record) => {
        const read = patchedBudget(record, body, Date.now());
        if (read.kind === 'bad') return read;
        const limit = budgetIn(read.value)?.limit ?? 0n;
        if (this.#options.states(id).some(({ used, reserved }) => used + reserved > limit))
          return { kind: 'conflict', problem: { param: 'limit', message: belowSpent } };
        return this.#change(record, read.value, this.#shown(read.value), 200);
      }),
    );
  }

  deleteBudget(id: string, actor: Actor): Promise<Done> {
    return this.#writer.do({ action: 'delete', kind: 'budget', id, actor }, () =>
      this.#ofBudget(id, (record) => this.#gone(record)),
    );
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #fresh(): Fresh & { readonly secret: string } {
    const nowMs = Date.now();
    const secret = `tg-${randomBytes(32).toString('base64url')}`;
    return {
      id: `key_${uuid7(nowMs).replaceAll('-', '')}`,
      secret,
      hash: secretHash(this.#options.hashKey, secret),
      prefix: secret.slice(0, 8),
      nowMs,
    };
  }

  #ofKey(id: string, act: (key: KeyRecord) => Decided): Decided {
    const key = this.#writer.directory.key(id);
    return key === null ? this.#missing('key', id) : act(key);
  }

  #ofBudget(id: string, act: (record: BudgetRecord) => Decided): Decided {
    const record = this.#writer.directory.budget(id);
    return record === null ? this.#missing('budget', id) : act(record);
  }

  #missing(kind: RecordKind, id: string): Decided {
    if (!this.#options.taken(kind, id)) return { kind: 'missing' };
    const message = 'stands in the configuration file; change it there.';
    return { kind: 'conflict', problem: { param: 'id', message } };
  }

  #change(
    before: ControlRecord | null,
    record: ControlRecord,
    body: JsonObject,
    status: 200 | 201,
  ): Decided {
    return {
      kind: 'change',
      id: record.id,
      before: before === null ? null : this.#audited(before),
      after: this.#audited(record),
      changed: { kind: 'there', record },
      reply: { kind: 'done', status, body },
    };
  }

  #gone(record: ControlRecord): Decided {
    return {
      kind: 'change',
      id: record.id,
      before: this.#audited(record),
      after: null,
      changed: { kind: 'gone', of: record.kind, id: record.id },
      reply: { kind: 'done', status: 204, body: {} },
    };
  }

  #audited(record: ControlRecord): JsonObject {
    return record.kind === 'key' ? shownKey(record) : shownBudget(record.fields, [], {});
  }

  #shown(record: BudgetRecord): JsonObject {
    return shownBudget(record.fields, this.#options.states(record.id), {
      source: 'api',
      createdAt: isoTime(record.createdAtMs),
      updatedAt: isoTime(record.updatedAtMs),
    });
  }
}
