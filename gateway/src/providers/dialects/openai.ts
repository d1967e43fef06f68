import { readErrorBody } from './errors.ts';
import type { Dialect } from './dialect.ts';
import { check, edits } from './openai/check.ts';
import { isExtraUsage, readReply, streamReader } from './openai/reply-in.ts';
import { error, reply, streamError, streamWriter } from './openai/reply-out.ts';
import { read } from './openai/request-in.ts';
import { write } from './openai/request-out.ts';

/** Chat completions and embeddings: https://platform.openai.com/docs/api-reference/chat */
export const openai: Dialect = {
  name: 'openai',
  check,
  read,
  streamWriter,
  reply,
  error,
  streamError,
  write,
  edits,
  streamReader,
  streamEnd: 'data: [DONE]\n\n',
  readReply,
  readError: readErrorBody,
  isExtraUsage,
};
