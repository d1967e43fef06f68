import { errors } from '../../../contract/errors.ts';
import type { CallError } from '../../../model/call.ts';
import type { JsonObject } from '../../../model/json.ts';

/** The body of an error: https://docs.anthropic.com/en/api/errors. `code` is ours, for who wants to be precise. */
export const error = ({ code, message, param }: CallError): JsonObject => ({
  type: 'error',
  error: { type: errors[code].anthropic, message, code, param },
});

/** An error inside a stream: https://docs.anthropic.com/en/docs/build-with-claude/streaming#error-events */
export const streamError = (failure: CallError): string =>
  `event: error\ndata: ${JSON.stringify(error(failure))}\n\n`;

export const streamWriter = () => (): string => '';
export const reply = (): JsonObject => ({});
