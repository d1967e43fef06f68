import { errors, type ErrorCode } from '../../contract/errors.ts';
import type { Story } from '../../flow/effects.ts';
import type { CallError } from '../../model/fault.ts';
import type { CallFacts, Settlement } from '../../model/settlement.ts';
import type { Arrival } from './arrival.ts';

/** The story of a call that made no attempt. */
export const noStory = (code: ErrorCode): Story => ({
  outcome: errors[code].outcome,
  attempts: [],
  fault: null,
  refusal: null,
  streamOutcome: '',
});

/** The status, code and origin of an ending that has no error to send: it went well, or the client is gone. */
const endings = {
  answered: { status: 200, code: '', origin: '' },
  abandoned: { status: errors.client_closed.status, code: 'client_closed', origin: 'client' },
} as const;

/** The account of a call, over now. */
export const settled = (
  arrival: Arrival,
  call: CallFacts,
  {
    story,
    error,
    priceVersion,
  }: { readonly story: Story; readonly error: CallError | null; readonly priceVersion: string },
): Settlement => {
  const { attempts, outcome, streamOutcome } = story;
  const served = attempts.at(-1);
  const ending = error ?? endings[outcome === 'abandoned' ? 'abandoned' : 'answered'];
  return {
    call,
    outcome,
    httpStatus: ending.status,
    errorCode: ending.code,
    errorOrigin: ending.origin,
    errorMessage: story.fault?.message ?? error?.message ?? '',
    attempts,
    durationMs: performance.now() - arrival.startedMs,
    firstTokenMs:
      call.ask?.stream === true && served !== undefined && served.firstTokenMs !== null
        ? served.offsetMs + served.firstTokenMs
        : null,
    providerMs: attempts.reduce((total, { durationMs }) => total + durationMs, 0),
    streamOutcome,
    cacheStatus: 'off',
    priceVersion,
  };
};
