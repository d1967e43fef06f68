/**
 * The control store: keys and budgets that were made by API, and the audit. One schema and one query code for SQLite and PostgreSQL. Each
 * change is one transaction with its audit entry; whoever else reads the store sees by its version that something changed.
 */
import { Kysely, sql, type Dialect, type Transaction } from 'kysely';
import {
  linked,
  noEntries,
  type AuditEntry,
  type AuditFacts,
  type ChainEnd,
} from '../../control/audit.ts';
import type { Changed } from '../../control/directory.ts';
import type { ControlRecord, RecordKind } from '../../control/records.ts';

/** PostgreSQL answers its large integers as text. */
type Count = number | string;

interface Tables {
  records: {
    kind: RecordKind;
    id: string;
    /** JSON. */
    body: string;
    /** The version of the store that it was changed in. */
    changed_in: Count;
    /** 1: it is gone. */
    gone: number;
  };
  audit: { number: Count; body: string; sha256: string };
  state: { name: string; value: Count };
}

/** What is put into the store at once. */
export interface Change {
  readonly changed: Changed | null;
  readonly audit: AuditFacts;
}

export type Put =
  | { readonly kind: 'done'; readonly version: number }
  /** Somebody else was faster: what was decided was decided on what is no more. */
  | { readonly kind: 'stale' };

export interface ControlStore {
  /** What has changed since a version, and which one it is now. 0: everything. */
  since(
    version: number,
  ): Promise<{ readonly version: number; readonly changes: readonly Changed[] }>;
  /** One transaction. @param version of what the change was decided on; null: it is only told, nothing changes */
  put(change: Change, version: number | null): Promise<Put>;
  /** Entries of the audit after a number, oldest first. */
  audit(after: number, most: number): Promise<readonly AuditEntry[]>;
  close(): Promise<void>;
}

/** Statements that may be run again. */
const schema = [
  `CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, changed_in BIGINT NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY (kind, id))`,
  'CREATE INDEX IF NOT EXISTS records_changed_in ON records (changed_in)',
  'CREATE TABLE IF NOT EXISTS audit (number BIGINT NOT NULL PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS state (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)',
  "INSERT INTO state (name, value) VALUES ('version', 0) ON CONFLICT DO NOTHING",
];

/** Opens the store, and makes its tables where they are not. @throws what the database does */
export const openStore = async (dialect: Dialect): Promise<ControlStore> => {
  const db = new Kysely<Tables>({ dialect });
  try {
    for (const statement of schema) await sql.raw(statement).execute(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return new OpenStore(db);
};

class OpenStore implements ControlStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async since(
    version: number,
  ): Promise<{ readonly version: number; readonly changes: readonly Changed[] }> {
    const now = await versionIn(this.#db);
    if (now === version) return { version, changes: [] };
    const rows = await this.#db
      .selectFrom('records')
      .selectAll()
      .where('changed_in', '>', version)
      // What comes in meanwhile is of the next time.
      .where('changed_in', '<=', now)
      .orderBy('changed_in')
      .execute();
    const changes = rows.map(({ kind, id, body, gone }): Changed =>
      gone === 1 ? { kind: 'gone', of: kind, id } : { kind: 'there', record: recordOf(body) },
    );
    return { version: now, changes };
  }

  put({ changed, audit }: Change, version: number | null): Promise<Put> {
    return this.#db.transaction().execute(async (tx): Promise<Put> => {
      const now = await versionIn(tx);
      if (version !== null && version !== now) return { kind: 'stale' };
      const next = changed === null ? now : now + 1;
      if (changed !== null) {
        const [kind, id, body, gone] =
          changed.kind === 'there'
            ? [changed.record.kind, changed.record.id, JSON.stringify(changed.record), 0]
            : [changed.of, changed.id, '{}', 1];
        await tx
          .insertInto('records')
          .values({ kind, id, body, changed_in: next, gone })
          .onConflict((conflict) =>
            conflict.columns(['kind', 'id']).doUpdateSet({ body, changed_in: next, gone }),
          )
          .execute();
        await tx.updateTable('state').set({ value: next }).where('name', '=', 'version').execute();
      }
      const entry = linked(audit, await lastIn(tx));
      const { number, sha256 } = entry;
      await tx
        .insertInto('audit')
        .values({ number, sha256, body: JSON.stringify(entry) })
        .execute();
      return { kind: 'done', version: next };
    });
  }

  async audit(after: number, most: number): Promise<readonly AuditEntry[]> {
    const rows = await this.#db
      .selectFrom('audit')
      .select('body')
      .where('number', '>', after)
      .orderBy('number')
      .limit(most)
      .execute();
    return rows.map(({ body }) => entryOf(body));
  }

  close(): Promise<void> {
    return this.#db.destroy();
  }
}

const versionIn = async (tx: Kysely<Tables>): Promise<number> => {
  const row = await tx
    .selectFrom('state')
    .select('value')
    .where('name', '=', 'version')
    .executeTakeFirstOrThrow();
  return Number(row.value);
};

const lastIn = async (tx: Transaction<Tables>): Promise<ChainEnd> => {
  const row = await tx
    .selectFrom('audit')
    .select(['number', 'sha256'])
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? noEntries : { number: Number(row.number), sha256: row.sha256 };
};

/* oxlint-disable typescript/no-unsafe-type-assertion -- what was written is what is read */
const recordOf = (body: string): ControlRecord => JSON.parse(body) as ControlRecord;
const entryOf = (body: string): AuditEntry => JSON.parse(body) as AuditEntry;
/* oxlint-enable typescript/no-unsafe-type-assertion */
