/**
 * The one table of what a provider's refusal means: who is at fault, what to try next, and whether it may be on the bill.
 * `docs/providers.md` is generated from it. Sources: https://platform.openai.com/docs/guides/error-codes,
 * https://docs.anthropic.com/en/api/errors, https://openrouter.ai/docs/api-reference/errors,
 * https://console.groq.com/docs/errors, https://api-docs.deepseek.com/quick_start/error_codes
 */

/**
 * What may still help: the same target again, another target only (this one has the wrong credential, no money, or not
 * that model), or nothing, because the request itself is wrong and fails everywhere alike.
 */
export type Recourse = 'again' | 'elsewhere' | 'none';

interface Row {
  /** Who failed, as metrics and ledger name it. */
  readonly kind: 'server' | 'rate_limited' | 'timeout' | 'network' | 'auth' | 'caller';
  /** A row of `errors.ts`. */
  readonly code:
    | 'provider_refused'
    | 'provider_auth'
    | 'provider_account'
    | 'provider_rate_limited'
    | 'provider_overloaded'
    | 'provider_timeout'
    | 'provider_error';
  readonly recourse: Recourse;
  /** Every call to this target will meet the same for a while: a circuit breaker counts it. */
  readonly coolsDown: boolean;
  /** The provider may have worked on it and may bill it. */
  readonly mayBeBilled: boolean;
  /** `pass`: the client reads the provider's own answer. `ours`: it is about our account, and the client reads our words. */
  readonly words: 'pass' | 'ours';
  readonly why: string;
}
export type RefusalRow = Row;

// oxfmt-ignore
export const refusalsByStatus = {
  400: { kind: 'caller',       code: 'provider_refused',      recourse: 'none',      coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The request is wrong' },
  401: { kind: 'auth',         code: 'provider_auth',         recourse: 'elsewhere', coolsDown: true,  mayBeBilled: false, words: 'ours', why: "The gateway's credential is not valid" },
  402: { kind: 'auth',         code: 'provider_account',      recourse: 'elsewhere', coolsDown: true,  mayBeBilled: false, words: 'ours', why: "The gateway's account has no money left" },
  403: { kind: 'auth',         code: 'provider_auth',         recourse: 'elsewhere', coolsDown: true,  mayBeBilled: false, words: 'ours', why: "The gateway's credential may not do this" },
  404: { kind: 'caller',       code: 'provider_refused',      recourse: 'elsewhere', coolsDown: false, mayBeBilled: false, words: 'pass', why: 'This provider does not have the model' },
  408: { kind: 'timeout',      code: 'provider_timeout',      recourse: 'again',     coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The provider did not get the request in time' },
  409: { kind: 'server',       code: 'provider_error',        recourse: 'again',     coolsDown: false, mayBeBilled: false, words: 'pass', why: 'A conflict that passes, such as a lock' },
  413: { kind: 'caller',       code: 'provider_refused',      recourse: 'none',      coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The request is too large' },
  422: { kind: 'caller',       code: 'provider_refused',      recourse: 'none',      coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The request is wrong' },
  425: { kind: 'server',       code: 'provider_overloaded',   recourse: 'again',     coolsDown: false, mayBeBilled: false, words: 'pass', why: 'Too early (RFC 8470)' },
  429: { kind: 'rate_limited', code: 'provider_rate_limited', recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: "The provider's rate limit" },
  498: { kind: 'rate_limited', code: 'provider_rate_limited', recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'No flex capacity at the moment (Groq)' },
  500: { kind: 'server',       code: 'provider_error',        recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'The provider failed' },
  501: { kind: 'server',       code: 'provider_error',        recourse: 'elsewhere', coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The provider does not do this at all' },
  502: { kind: 'server',       code: 'provider_error',        recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'A proxy before the provider reached nobody' },
  503: { kind: 'server',       code: 'provider_overloaded',   recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'Overloaded' },
  504: { kind: 'timeout',      code: 'provider_timeout',      recourse: 'again',     coolsDown: true,  mayBeBilled: true,  words: 'pass', why: 'A proxy gave up while the model still worked' },
  524: { kind: 'timeout',      code: 'provider_timeout',      recourse: 'again',     coolsDown: true,  mayBeBilled: true,  words: 'pass', why: 'A proxy gave up while the model still worked (Cloudflare)' },
  529: { kind: 'server',       code: 'provider_overloaded',   recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'Overloaded (Anthropic)' },
} as const satisfies Record<number, Row>;

/** Statuses without a row of their own. */
// oxfmt-ignore
export const otherRefusals = {
  '4xx':  { kind: 'caller', code: 'provider_refused', recourse: 'none',      coolsDown: false, mayBeBilled: false, words: 'pass', why: 'The request is wrong' },
  '5xx':  { kind: 'server', code: 'provider_error',   recourse: 'again',     coolsDown: true,  mayBeBilled: false, words: 'pass', why: 'The provider failed' },
  other:  { kind: 'server', code: 'provider_error',   recourse: 'elsewhere', coolsDown: false, mayBeBilled: false, words: 'ours', why: 'A status that is no answer, such as a redirect' },
} as const satisfies Record<string, Row>;

const account = {
  kind: 'auth',
  code: 'provider_account',
  recourse: 'elsewhere',
  coolsDown: true,
  mayBeBilled: false,
} as const;
const noModel = { ...refusalsByStatus[404] } as const;

/** Codes and types in an error's body that say more than its status; they go before it. */
// oxfmt-ignore
export const refusalsByCode = {
  insufficient_quota:         { ...account, words: 'pass', why: "The gateway's account has used up its quota (OpenAI, status 429): clients tell it from a rate limit by this code" },
  billing_not_active:         { ...account, words: 'ours', why: "The gateway's account is not active (OpenAI, status 429)" },
  billing_hard_limit_reached: { ...account, words: 'ours', why: "The gateway's account has reached its limit (OpenAI, status 400)" },
  billing_error:              { ...account, words: 'ours', why: "The gateway's account cannot pay (Anthropic)" },
  account_deactivated:        { ...account, words: 'ours', why: "The gateway's account is closed (OpenAI)" },
  model_not_found:            { ...noModel, why: 'This provider does not have the model, or the account may not use it (OpenAI, status 403 or 404)' },
  model_decommissioned:       { ...noModel, why: 'This provider has the model no more (Groq, status 400)' },
  model_not_active:           { ...noModel, why: 'This provider does not serve the model now (Groq, status 400)' },
  DeploymentNotFound:         { ...noModel, why: 'There is no such deployment (Azure OpenAI, status 404)' },
} as const satisfies Record<string, Row>;

/** An error without a status of its own (inside a reply with status 200) is judged as this status. Its `code` may also be a number. */
// oxfmt-ignore
export const statusOfCode = {
  invalid_request_error: 400, context_length_exceeded: 400, content_filter: 400, content_policy_violation: 400, tool_use_failed: 400,
  authentication_error: 401, invalid_api_key: 401, billing_error: 402, permission_error: 403, not_found_error: 404,
  request_too_large: 413, rate_limit_error: 429, rate_limit_exceeded: 429, requests: 429, tokens: 429, too_many_requests: 429,
  insufficient_quota: 429, capacity_exceeded: 498, server_error: 500, api_error: 500, internal_server_error: 500,
  service_unavailable: 503, engine_overloaded: 503, timeout_error: 504, overloaded_error: 529,
} as const satisfies Record<string, number>;

/** Errors that only their words tell from a mistake of the caller, in lower case, and the code whose row holds for them. */
export const codeOfWords = [
  ['your credit balance is too low', 'billing_error'], // Anthropic, status 400 invalid_request_error
] as const satisfies readonly (readonly [string, keyof typeof refusalsByCode])[];
