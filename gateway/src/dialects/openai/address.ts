import type { Operation } from '../../model/call.ts';

/** Behind the base URL, which ends in `/v1` or a vendor's like of it. */
export const openaiPaths = {
  chat: '/chat/completions',
  embeddings: '/embeddings',
} as const satisfies Record<Operation, string>;

export const json = { 'content-type': 'application/json' } as const;

/** The credential as OpenAI and its like take it; nothing when there is none. */
export const bearer = (secret: string | undefined): Readonly<Record<string, string>> =>
  secret === undefined ? {} : { authorization: `Bearer ${secret}` };
