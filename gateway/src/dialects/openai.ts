import { readErrorBody } from './errors.ts';
import type { ClientDialect, UpstreamDialect } from './dialect.ts';
import { check, edits } from './openai/check.ts';
import { isExtraUsage, readReply, streamReader } from './openai/reply-in.ts';
import { error, reply, streamError, streamWriter } from './openai/reply-out.ts';
import { read } from './openai/request-in.ts';
import { write } from './openai/request-out.ts';

/** Chat completions and embeddings: https://platform.openai.com/docs/api-reference/chat */
export const openaiClient: ClientDialect = {
  name: 'openai',
  check,
  read,
  streamWriter,
  streamEnd: 'data: [DONE]\n\n',
  reply,
  error,
  streamError,
};

export const openaiUpstream: UpstreamDialect = {
  name: 'openai',
  framing: null,
  write,
  streamReader,
  readReply,
  readError: readErrorBody,
  passing: { from: 'openai', edits, isExtraUsage },
};
