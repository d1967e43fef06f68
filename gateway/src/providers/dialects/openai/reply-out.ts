import { errors } from '../../../contract/errors.ts';
import type { CallError } from '../../../model/call.ts';
import type { JsonObject } from '../../../model/json.ts';

/** The body of an error: https://platform.openai.com/docs/guides/error-codes */
export const error = ({ code, message, param }: CallError): JsonObject => ({
  error: { message, type: errors[code].openai, param, code },
});

/** An error inside a stream, in the form on which OpenAI's clients raise: an event with an `error` object. */
export const streamError = (failure: CallError): string =>
  `data: ${JSON.stringify(error(failure))}\n\n`;

export const streamWriter = () => (): string => '';
export const reply = (): JsonObject => ({});
