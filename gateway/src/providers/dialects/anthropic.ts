import { check, edits } from './anthropic/check.ts';
import { readReply, streamReader } from './anthropic/reply-in.ts';
import { error, reply, streamError } from './anthropic/reply-out.ts';
import { read } from './anthropic/request-in.ts';
import { write } from './anthropic/request-out.ts';
import { streamWriter } from './anthropic/stream-out.ts';
import type { Dialect } from './dialect.ts';
import { readErrorBody } from './errors.ts';

/** Messages: https://docs.anthropic.com/en/api/messages */
export const anthropic: Dialect = {
  name: 'anthropic',
  check,
  read,
  streamWriter,
  reply,
  error,
  streamError,
  write,
  edits,
  streamReader,
  streamEnd: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  readReply,
  readError: readErrorBody,
  isExtraUsage: () => false,
};
