import { expect, test } from 'vitest';
import { withRejected } from '../../../trace-router/src/decide/with-rejected.ts';
import { accepted } from '../../../trace-router/src/model/answer.ts';

test('spans that could not be routed are told beside those that the destination rejected', () => {
  const told = { kind: 'accepted', rejectedSpans: 3, message: 'too old' } as const;
  const message = '2 malformed spans, 1 without a valid trace id';
  expect(withRejected(accepted, 2, 1)).toEqual({ kind: 'accepted', rejectedSpans: 3, message });
  expect(withRejected(told, 2, 1)).toEqual({
    kind: 'accepted',
    rejectedSpans: 6,
    message: `${message}; too old`,
  });
});

test('an answer stays as it is when every span was routed, or when all are to be sent again', () => {
  const busy = { kind: 'busy', message: 'later', retryAfterMs: 1000 } as const;
  expect([withRejected(accepted, 0, 0), withRejected(busy, 2, 1)]).toEqual([accepted, busy]);
});
