/** What the processes of one gateway say to each other: the parent, which serves no calls, and its workers. */
import type { Health, Heard } from '../../decide/readiness.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';
import type { Snapshot } from '../telemetry/snapshot.ts';

/** Time for calls in flight to end, and then for the ledger to be shipped; what is not shipped stays in the spool. */
export interface EndTimes {
  /** At most; `limits.drain` may be less. */
  readonly drainMs: number;
  readonly shipMs: number;
  /** The port is let go of before calls have ended, for whoever wants to have it next. */
  readonly deaf: boolean;
}

/** What reading the configuration anew came to in one process. */
export type Prepared =
  /** @param fingerprint of all files that were read */
  | { readonly kind: 'prepared'; readonly fingerprint: string }
  | { readonly kind: 'refused'; readonly message: string };

/** What a worker may be asked: with what, and for what. */
export interface Questions {
  /** Does it live, and how many connections does it have? */
  readonly pulse: { about: null; answer: number };
  /** Let go of so many connections. */
  readonly shed: { about: number; answer: null };
  readonly health: { about: null; answer: Health };
  readonly metrics: { about: null; answer: Snapshot };
  /** Read the configuration anew, and swap it in or not when all have done so. */
  readonly prepare: { about: null; answer: Prepared };
  readonly commit: { about: null; answer: null };
  readonly refuse: { about: null; answer: null };
  /** See to the spool of this worker, or let it go. */
  readonly adopt: { about: number; answer: null };
  readonly release: { about: number; answer: null };
}
export type Question = keyof Questions;
export type About<Q extends Question> = Questions[Q]['about'];
export type Answer<Q extends Question> = Questions[Q]['answer'];

/** What a worker may ask of all of them. */
export interface AllAnswers {
  readonly metrics: readonly Heard<Snapshot>[];
  readonly health: { readonly heard: readonly Heard<Health>[]; readonly complete: boolean };
}
export type AskOfAll = keyof AllAnswers;

/** The first word to a worker. Its environment comes this way, because that of a process can be read by others. */
export interface Start {
  readonly do: 'start';
  readonly worker: number;
  readonly workers: number;
  readonly restarts: number;
  readonly variables: Variables;
}

/** To a worker. */
export type Order =
  | Start
  | { readonly do: 'stop'; readonly times: EndTimes }
  | { readonly do: 'ask'; readonly id: number; readonly what: Question; readonly about: unknown }
  | { readonly do: 'answer'; readonly id: number; readonly answer: unknown };

/** From a worker. */
export type Word =
  /** @param fingerprint of the files its configuration was read from */
  | { readonly say: 'ready'; readonly port: number; readonly fingerprint: string }
  | { readonly say: 'failed'; readonly problems: readonly string[] }
  | { readonly say: 'ask'; readonly id: number; readonly what: AskOfAll }
  | { readonly say: 'answer'; readonly id: number; readonly answer: unknown };

/** Both ends are one version of this program, and nobody else has the channel: the first field says what a message is. */
export const isOrder = (value: unknown): value is Order =>
  typeof value === 'object' && value !== null && 'do' in value;
export const isWord = (value: unknown): value is Word =>
  typeof value === 'object' && value !== null && 'say' in value;
