/** What is known of a call so far, and its record, once. */
import { errors } from '../contract/errors.ts';
import type { Attempt, CallFacts, Identity, Settlement } from '../model/settlement.ts';
import type { Effects } from './effects.ts';
import type { Ending } from './ending.ts';

/** The status, code and origin of an ending that has no error to send: it went well, or the client is gone. */
const endings = {
  answered: { status: 200, code: '', origin: '', message: '' },
  abandoned: {
    status: errors.client_closed.status,
    code: 'client_closed',
    origin: 'client',
    message: '',
  },
} as const;

/** The record of a call, over now. */
const settlementOf = (
  call: CallFacts,
  ending: Ending,
  {
    durationMs,
    waitMs,
    priceVersion,
  }: { readonly durationMs: number; readonly waitMs: number; readonly priceVersion: string },
): Settlement => {
  const { attempts, outcome, refusal, streamOutcome, cache } = ending;
  const served = attempts.at(-1);
  const told = refusal ?? endings[outcome === 'abandoned' ? 'abandoned' : 'answered'];
  return {
    call,
    outcome,
    httpStatus: told.status,
    errorCode: told.code,
    errorOrigin: told.origin,
    errorMessage: told.message,
    attempts,
    durationMs,
    firstTokenMs:
      call.parameters?.stream === true && served !== undefined && served.firstTokenMs !== null
        ? served.offsetMs + served.firstTokenMs
        : null,
    providerMs: attempts.reduce((total, attempt) => total + attempt.durationMs, 0),
    waitMs,
    streamOutcome,
    cacheStatus: cache,
    priceVersion,
  };
};

const nobody: Identity = { agent: '', session: '', user: '', tags: {} };

/** A call's record in the making. */
export class CallRecord {
  readonly attempts: Attempt[] = [];
  readonly #on: Effects;
  #facts: CallFacts;
  #waitMs = 0;
  #isSettled = false;

  constructor(on: Effects) {
    const { id, startedAtMs, operation, dialect, trace } = on.arrival;
    this.#on = on;
    this.#facts = {
      id,
      startedAtMs,
      operation,
      dialect,
      trace,
      caller: null,
      identity: nobody,
      parameters: null,
      route: '',
    };
  }

  get facts(): CallFacts {
    return this.#facts;
  }

  /** Spent waiting before further tries. */
  get waitMs(): number {
    return this.#waitMs;
  }

  waited(ms: number): void {
    this.#waitMs += ms;
  }

  /** More is known of the call now. */
  learn(more: Partial<Pick<CallFacts, 'caller' | 'identity' | 'parameters' | 'route'>>): void {
    this.#facts = { ...this.#facts, ...more };
  }

  /**
   * Accounts for the call. The first ending counts, a later one changes nothing. Tells whether the row is on disk, where it
   * outlives this process.
   */
  settle(ending: Ending): Promise<boolean> {
    if (this.#isSettled) return Promise.resolve(false);
    this.#isSettled = true;
    const { arrival, priceVersion } = this.#on;
    const durationMs = this.#on.nowMs() - arrival.startedMs;
    return this.#on.settle(
      settlementOf(this.#facts, ending, { durationMs, waitMs: this.#waitMs, priceVersion }),
    );
  }
}
