import { Type } from 'typebox';
import { abstain, policy } from './policy.ts';

/** Keeps traces in which a span ended with one of these statuses. */
export const statusCode = policy({
  type: 'status_code',
  settings: Type.Object(
    {
      status_codes: Type.Array(Type.Enum(['OK', 'ERROR', 'UNSET']), {
        minItems: 1,
        description: 'Statuses of which one span must have one',
      }),
    },
    { additionalProperties: false },
  ),
  voter:
    ({ status_codes: wanted }) =>
    ({ statuses }) =>
      wanted.some((code) => statuses.has(code)) ? { kind: 'keep', reason: 'status' } : abstain,
});
