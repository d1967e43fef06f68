import type { Answer } from '../model/answer.ts';

/** The answer to a request of which some spans could not be routed. The others had theirs from where they were sent. */
export const withRejected = (
  answer: Answer,
  malformedSpans: number,
  unidentifiedSpans: number,
): Answer => {
  const rejected = malformedSpans + unidentifiedSpans;
  if (answer.kind !== 'accepted' || rejected === 0) return answer;
  const reason = `${malformedSpans} malformed spans, ${unidentifiedSpans} without a valid trace id`;
  return {
    kind: 'accepted',
    rejectedSpans: answer.rejectedSpans + rejected,
    message: answer.message === '' ? reason : `${reason}; ${answer.message}`,
  };
};
