/**
 * Which endings of a row agree with what the client and the provider of a call saw. As narrow as can be argued: each permission
 * says why; what is not here is a contradiction.
 */
import type { OutcomeKind } from '../../../gateway/src/contract/outcomes.ts';
import type { ClientEnd, TryEnd } from './evidence.ts';

/** `no row`: the ledger does not know the call. */
export type Ending = OutcomeKind | 'no row';

export interface Seen {
  /** How it ended for the client. */
  readonly client: ClientEnd;
  /** A byte of a reply came, be it of the head. */
  readonly heard: boolean;
  /** The code of the error that was told; empty: none. */
  readonly code: string;
  /** The head told what the call cost. */
  readonly costTold: boolean;
  /** How the last request that a provider served for it ended there; null: none was served. */
  readonly last: TryEnd | null;
  /** Its gateway was killed before the client could know the row to be written. */
  readonly killed: boolean;
  /** The spool's disk was full while it was under way. */
  readonly full: boolean;
}

/** The gateway's own clocks: a provider that is silent for too long is left, and that is its death. */
const clockCodes: ReadonlySet<string> = new Set(['stream_stalled', 'provider_timeout']);

/** What a provider's end alone may have made of the call. */
const byProvider = (last: TryEnd | null): readonly Ending[] => {
  switch (last) {
    case null:
    case 'left':
      return [];
    case 'whole':
      return ['answered'];
    case 'stopped':
      // Its stream ended after all content, without its farewell: whole where it ended between two events, else broken.
      return ['answered', 'broken', 'exhausted'];
    case 'died':
      return ['broken', 'exhausted'];
    case 'refused':
      return ['exhausted'];
  }
};

/** The provider gave no whole answer, so that the gateway could not either. */
const gaveNone = ({ last, code }: Seen): boolean => {
  switch (last) {
    case 'died':
    case 'refused':
    case 'stopped':
      return true;
    case 'left':
      return clockCodes.has(code);
    case 'whole':
    case null:
      return false;
  }
};

/** A kill may come between what a client was told and its row, but where the row goes first. */
const orCrashed = (seen: Seen, ending: Ending): readonly Ending[] =>
  seen.killed ? [ending, 'crashed'] : [ending];

/** The row of a reply goes first. Only a full disk holds it in memory, and then no cost is told. */
const ofWhole = (seen: Seen): readonly Ending[] => {
  if (seen.last !== 'whole' && seen.last !== 'stopped') return [];
  return seen.full && !seen.costTold ? orCrashed(seen, 'answered') : ['answered'];
};

/** An error is told at once, its row follows with the turn of the event loop. */
const ofError = (seen: Seen): readonly Ending[] => {
  if (seen.code !== 'ledger_full') return gaveNone(seen) ? orCrashed(seen, 'exhausted') : [];
  if (!seen.full) return [];
  // Refused before a provider was asked, whose row needs no room then, or before another one was.
  return seen.last === null ? ['throttled', 'no row'] : orCrashed(seen, 'throttled');
};

/** What may have been written of a call whose client heard no end of it. */
const unheard = ({ last, heard, killed, full }: Seen): readonly Ending[] => [
  ...byProvider(last),
  ...(killed ? (['crashed'] as const) : []),
  ...(full ? (['throttled'] as const) : []),
  // Nothing was promised to a call that no provider heard of and whose client heard nothing.
  ...(last === null && !heard && (killed || full) ? (['no row'] as const) : []),
];

const listed = (seen: Seen): readonly Ending[] => {
  switch (seen.client) {
    case 'whole':
      return ofWhole(seen);
    case 'error':
      return ofError(seen);
    case 'break':
      return gaveNone(seen) && seen.last !== 'refused' ? orCrashed(seen, 'broken') : [];
    case 'unended':
      return [];
    case 'hung_up':
      // Or what its end was before the gateway noticed that nobody listens.
      return ['abandoned', ...unheard(seen)];
    case 'lost':
      // Nothing but a kill breaks a connection; what had been written before it stays.
      return seen.killed ? unheard(seen) : [];
  }
};

/** Endings of the row; none: there is no row that could agree, whatever it says. */
export const permitted = (seen: Seen): ReadonlySet<Ending> => new Set(listed(seen));
