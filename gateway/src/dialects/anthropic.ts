import { check, edits } from './anthropic/check.ts';
import { readReply, streamReader } from './anthropic/reply-in.ts';
import { error, reply, streamError } from './anthropic/reply-out.ts';
import { read } from './anthropic/request-in.ts';
import { write } from './anthropic/request-out.ts';
import { streamWriter } from './anthropic/stream-out.ts';
import type { ClientDialect, UpstreamDialect } from './dialect.ts';
import { readErrorBody } from './errors.ts';

/** Messages: https://docs.anthropic.com/en/api/messages */
export const anthropicClient: ClientDialect = {
  name: 'anthropic',
  check,
  read,
  streamWriter,
  streamEnd: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  reply,
  error,
  streamError,
};

export const anthropicUpstream: UpstreamDialect = {
  name: 'anthropic',
  framing: null,
  write,
  streamReader,
  readReply,
  readError: readErrorBody,
  passing: { from: 'anthropic', edits, isExtraUsage: () => false },
};
