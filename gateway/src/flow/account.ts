/** What is known of a call so far, and its account, once. */
import { errors } from '../contract/errors.ts';
import type { Attempt, CallFacts, Identity, Settlement } from '../model/settlement.ts';
import type { Effects } from './effects.ts';
import type { Story } from './story.ts';

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

/** The account of a call, over now. */
const settlementOf = (
  call: CallFacts,
  story: Story,
  { durationMs, priceVersion }: { readonly durationMs: number; readonly priceVersion: string },
): Settlement => {
  const { attempts, outcome, refusal, streamOutcome, cache } = story;
  const served = attempts.at(-1);
  const ending = refusal ?? endings[outcome === 'abandoned' ? 'abandoned' : 'answered'];
  return {
    call,
    outcome,
    httpStatus: ending.status,
    errorCode: ending.code,
    errorOrigin: ending.origin,
    errorMessage: ending.message,
    attempts,
    durationMs,
    firstTokenMs:
      call.parameters?.stream === true && served !== undefined && served.firstTokenMs !== null
        ? served.offsetMs + served.firstTokenMs
        : null,
    providerMs: attempts.reduce((total, attempt) => total + attempt.durationMs, 0),
    streamOutcome,
    cacheStatus: cache,
    priceVersion,
  };
};

const nobody: Identity = { agent: '', session: '', user: '', tags: {} };

/** A call's account in the making. */
export class Account {
  readonly attempts: Attempt[] = [];
  readonly #on: Effects;
  #facts: CallFacts;
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
    };
  }

  get facts(): CallFacts {
    return this.#facts;
  }

  /** More is known of the call now. */
  learn(more: Partial<Pick<CallFacts, 'caller' | 'identity' | 'parameters'>>): void {
    this.#facts = { ...this.#facts, ...more };
  }

  /**
   * Accounts for the call. The first story counts, a later one changes nothing. Tells whether the row is on disk, where it
   * outlives this process.
   */
  settle(story: Story): Promise<boolean> {
    if (this.#isSettled) return Promise.resolve(false);
    this.#isSettled = true;
    const { arrival, priceVersion } = this.#on;
    const durationMs = this.#on.nowMs() - arrival.startedMs;
    return this.#on.settle(settlementOf(this.#facts, story, { durationMs, priceVersion }));
  }
}
