/**
 * The audit: every change of the control plane and every try that was refused, each linked to the one before it, so that an entry which was
 * taken away, changed or put in shows.
 */
import { createHash } from 'node:crypto';
import { isObject, numberAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { isoTime, timeOf } from './keys.ts';
import type { Actor, RecordKind } from './records.ts';

export type AuditAction = 'create' | 'update' | 'rotate' | 'delete';

/** What happened. */
export interface AuditFacts {
  readonly atMs: number;
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly kind: RecordKind;
  /** Empty: a new one, which was not made. */
  readonly id: string;
  /** As replies show it; null: there was none, or there is none any more. */
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  /** Null: it was done; else why not. */
  readonly refused: string | null;
}

export interface AuditEntry extends AuditFacts {
  /** From 1 on, without a gap. */
  readonly number: number;
  /** Of the entry before; empty: this is the first. */
  readonly previousSha256: string;
  readonly sha256: string;
}

/** The text that is hashed: the same for the same entry, whoever writes it. */
const hashedText = ({ number, previousSha256, ...facts }: Omit<AuditEntry, 'sha256'>): string =>
  JSON.stringify([
    number,
    previousSha256,
    facts.atMs,
    facts.actor.name,
    facts.actor.address,
    facts.action,
    facts.kind,
    facts.id,
    facts.before,
    facts.after,
    facts.refused,
  ]);

const hashOf = (entry: Omit<AuditEntry, 'sha256'>): string =>
  createHash('sha256').update(hashedText(entry)).digest('hex');

/** The end of the chain. */
export type ChainEnd = Pick<AuditEntry, 'number' | 'sha256'>;
export const noEntries: ChainEnd = { number: 0, sha256: '' };

/** The next entry of a chain. */
export const linked = (facts: AuditFacts, last: ChainEnd): AuditEntry => {
  const entry = { ...facts, number: last.number + 1, previousSha256: last.sha256 };
  return { ...entry, sha256: hashOf(entry) };
};

/** What is wrong with entries that follow one another, from `before` on; empty: nothing. */
export const brokenLinks = (
  entries: readonly AuditEntry[],
  before: ChainEnd,
): readonly string[] => {
  const problems: string[] = [];
  let last = before;
  for (const entry of entries) {
    if (entry.number !== last.number + 1)
      problems.push(`entry ${entry.number} follows entry ${last.number}`);
    else if (entry.previousSha256 !== last.sha256)
      problems.push(`entry ${entry.number} does not follow the entry before it`);
    if (hashOf(entry) !== entry.sha256) problems.push(`entry ${entry.number} was changed`);
    last = entry;
  }
  return problems;
};

/** An entry as replies say it; all that its hash is made of is in it. */
export const shownEntry = ({ atMs, actor, ...entry }: AuditEntry): JsonObject => ({
  ...entry,
  at: isoTime(atMs),
  actor: actor.name,
  address: actor.address,
});

const actions: readonly AuditAction[] = ['create', 'update', 'rotate', 'delete'];
const kinds: readonly RecordKind[] = ['key', 'budget'];

/** Undoes `shownEntry`. Null: it is no entry. */
export const entryIn = (shown: unknown): AuditEntry | null => {
  if (!isObject(shown)) return null;
  const action = actions.find((one) => one === shown['action']);
  const kind = kinds.find((one) => one === shown['kind']);
  const number = numberAt(shown, 'number');
  const atMs = timeOf(textAt(shown, 'at') ?? '');
  if (action === undefined || kind === undefined || number === null || Number.isNaN(atMs))
    return null;
  return {
    number,
    atMs,
    actor: { name: textAt(shown, 'actor') ?? '', address: textAt(shown, 'address') ?? '' },
    action,
    kind,
    id: textAt(shown, 'id') ?? '',
    before: objectAt(shown, 'before'),
    after: objectAt(shown, 'after'),
    refused: textAt(shown, 'refused'),
    previousSha256: textAt(shown, 'previousSha256') ?? '',
    sha256: textAt(shown, 'sha256') ?? '',
  };
};
