/**
 * The one table of error codes. `code` is stable and appears in the reply, the ledger and the log.
 * `openai` and `anthropic` are the `type` of the error object in each dialect:
 * https://platform.openai.com/docs/guides/error-codes, https://docs.anthropic.com/en/api/errors
 */
// oxfmt-ignore
export const errors = {
  invalid_api_key:       { status: 401, outcome: 'unidentified', origin: 'client',   openai: 'authentication_error',  anthropic: 'authentication_error' },
  issuer_unavailable:    { status: 503, outcome: 'unidentified', origin: 'network',  openai: 'server_error',          anthropic: 'api_error' },
  model_not_found:       { status: 404, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'not_found_error' },
  foreign_host:          { status: 421, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  foreign_origin:        { status: 403, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'permission_error' },
  unknown_route:         { status: 404, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'not_found_error' },
  invalid_json:          { status: 400, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  invalid_value:         { status: 400, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  unsupported_parameter: { status: 400, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  unsupported_operation: { status: 400, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  body_too_large:        { status: 413, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'request_too_large' },
  unsupported_media:     { status: 415, outcome: 'refused',      origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  client_closed:         { status: 499, outcome: 'abandoned',    origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  request_timeout:       { status: 408, outcome: 'abandoned',    origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  provider_refused:      { status: 400, outcome: 'refused',      origin: 'provider', openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  provider_auth:         { status: 502, outcome: 'exhausted',    origin: 'provider', openai: 'server_error',          anthropic: 'api_error' },
  provider_account:      { status: 502, outcome: 'exhausted',    origin: 'provider', openai: 'server_error',          anthropic: 'api_error' },
  provider_rate_limited: { status: 429, outcome: 'exhausted',    origin: 'provider', openai: 'rate_limit_error',      anthropic: 'rate_limit_error' },
  provider_error:        { status: 502, outcome: 'exhausted',    origin: 'provider', openai: 'server_error',          anthropic: 'api_error' },
  provider_overloaded:   { status: 503, outcome: 'exhausted',    origin: 'provider', openai: 'server_error',          anthropic: 'overloaded_error' },
  provider_invalid:      { status: 502, outcome: 'exhausted',    origin: 'provider', openai: 'server_error',          anthropic: 'api_error' },
  provider_unreachable:  { status: 502, outcome: 'exhausted',    origin: 'network',  openai: 'server_error',          anthropic: 'api_error' },
  provider_timeout:      { status: 504, outcome: 'exhausted',    origin: 'network',  openai: 'server_error',          anthropic: 'timeout_error' },
  stream_cut:            { status: 502, outcome: 'broken',       origin: 'network',  openai: 'server_error',          anthropic: 'api_error' },
  stream_stalled:        { status: 504, outcome: 'broken',       origin: 'network',  openai: 'server_error',          anthropic: 'timeout_error' },
  stream_failed:         { status: 502, outcome: 'broken',       origin: 'provider', openai: 'server_error',          anthropic: 'api_error' },
  gateway_stopped:       { status: 503, outcome: 'broken',       origin: 'gateway',  openai: 'server_error',          anthropic: 'overloaded_error' },
  draining:              { status: 503, outcome: 'throttled',    origin: 'gateway',  openai: 'server_error',          anthropic: 'overloaded_error' },
  too_many_calls:        { status: 503, outcome: 'throttled',    origin: 'gateway',  openai: 'server_error',          anthropic: 'overloaded_error' },
  too_many_bytes:        { status: 503, outcome: 'throttled',    origin: 'gateway',  openai: 'server_error',          anthropic: 'overloaded_error' },
  budget_exceeded:       { status: 429, outcome: 'throttled',    origin: 'client',   openai: 'insufficient_quota',    anthropic: 'rate_limit_error' },
  rate_limit_exceeded:   { status: 429, outcome: 'throttled',    origin: 'client',   openai: 'rate_limit_error',      anthropic: 'rate_limit_error' },
  unpriced_model:        { status: 402, outcome: 'throttled',    origin: 'client',   openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  too_many_bytes_of_key: { status: 429, outcome: 'throttled',    origin: 'client',   openai: 'rate_limit_error',      anthropic: 'rate_limit_error' },
  ledger_full:           { status: 503, outcome: 'throttled',    origin: 'gateway',  openai: 'server_error',          anthropic: 'overloaded_error' },
  record_damaged:        { status: 500, outcome: 'crashed',      origin: 'gateway',  openai: 'server_error',          anthropic: 'api_error' }, // in the ledger only: the disk lost how the call ended
  internal_error:        { status: 500, outcome: 'crashed',      origin: 'gateway',  openai: 'server_error',          anthropic: 'api_error' },
} as const;

export type ErrorCode = keyof typeof errors;
