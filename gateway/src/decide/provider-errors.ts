/** A provider refused: whose fault is it, and what may still help? */
import {
  codeOfWords,
  otherRefusals,
  refusalsByCode,
  refusalsByStatus,
  statusOfCode,
  type RefusalRow,
} from '../contract/provider-errors.ts';

/** What an error says of itself. `code` may be a number as text. */
export interface ErrorName {
  readonly type: string;
  readonly code: string;
  readonly message: string;
}

const rowsByStatus: ReadonlyMap<string, RefusalRow> = new Map(Object.entries(refusalsByStatus));
const rowsByCode: ReadonlyMap<string, RefusalRow> = new Map(Object.entries(refusalsByCode));
const statuses: ReadonlyMap<string, number> = new Map(Object.entries(statusOfCode));

/** The row of the table for an error status and what its body says. */
export const judge = (status: number, { type, code, message }: ErrorName): RefusalRow => {
  const worded = codeOfWords.find(([words]) => message.toLowerCase().includes(words))?.[1];
  const named = rowsByCode.get(worded ?? '') ?? rowsByCode.get(code) ?? rowsByCode.get(type);
  if (named !== undefined) return named;
  const row = rowsByStatus.get(String(status));
  if (row !== undefined) return row;
  return otherRefusals[status >= 500 ? '5xx' : status >= 400 ? '4xx' : 'other'];
};

/** A provider that says nothing more precise has failed, as far as its client can tell. */
const unnamedStatus = 502;

/** The status that an error inside a reply with status 200 amounts to. */
export const statusOfError = ({ type, code }: ErrorName): number => {
  const numeric = /^[45]\d\d$/.test(code) ? Number(code) : undefined;
  return numeric ?? statuses.get(code) ?? statuses.get(type) ?? unnamedStatus;
};

/** The error's own name when it is one that we know; others may be anything, and are not written down. Empty: unknown. */
export const knownName = ({ type, code }: ErrorName): string =>
  [code, type].find((name) => rowsByCode.has(name) || statuses.has(name)) ?? '';
