/**
 * The one table of a provider's response headers that reach the client; `docs/providers.md` is generated from it.
 * What it does not name stays here: cookies, hop-by-hop headers, caching, security and proxy headers would speak about
 * the provider's connection as if it were ours.
 */

interface Row {
  /** Lower case; a final `*` stands for any rest of the name. */
  readonly name: string;
  /** The name under which it passes, `*` for the same rest; null: it does not. */
  readonly as: string | null;
  readonly why: string;
}

/** The first row that fits a name holds. */
// oxfmt-ignore
export const replyHeaders: readonly Row[] = [
  { name: 'openai-organization',       as: null,                               why: "Names the gateway's own account, not the caller's" },
  { name: 'openai-project',            as: null,                               why: "Names the gateway's own account, not the caller's" },
  { name: 'anthropic-organization-id', as: null,                               why: "Names the gateway's own account, not the caller's" },
  { name: 'openai-*',                  as: 'openai-*',                         why: 'What OpenAI says of its work: version, time, model' },
  { name: 'anthropic-*',               as: 'anthropic-*',                      why: "What Anthropic says, its own rate limits (of the gateway's account) under its own names among it" },
  { name: 'x-groq-*',                  as: 'x-groq-*',                         why: 'What Groq says' },
  { name: 'x-ratelimit-*',             as: 'x-tollgate-upstream-ratelimit-*',  why: "The limits of the gateway's account at the provider; under its own name it would be read as the caller's" },
  { name: 'server-timing',             as: 'server-timing',                    why: "The provider's own measurements" },
];

/** Names under which providers send their id of a request; the first that is there is told to the client. */
export const requestIdHeaders = [
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'apim-request-id',
] as const;

/** Headers past this count, and values past this length, are left out. */
export const maxReplyHeaders = 48;
export const maxReplyHeaderChars = 512;
