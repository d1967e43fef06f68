/** What each error means to who reads it, and what helps. Beside `errors.ts`, for people. */
import type { ErrorCode } from './errors.ts';

interface Words {
  readonly what: string;
  readonly help: string;
}

// oxfmt-ignore
export const errorWords = {
  invalid_api_key:       { what: 'No key, or none of this gateway, or two different ones; or a token that does not hold', help: 'Send a key that `keys` of the configuration names, or a token of one of its `issuers`; the message says what of a token does not hold' },
  issuer_unavailable:    { what: 'The keys of the issuer of a token could not be had since the gateway started', help: 'Ask again; the operator: `issuers`, the log says why' },
  model_not_found:       { what: 'The key may not use the model, or no model has that name', help: 'The message lists what the key may use; `models` and the `models` of the key decide' },
  foreign_host:          { what: 'The request came under a name that is not one of this gateway', help: 'Add a public name to `TOLLGATE_HOSTS`' },
  foreign_origin:        { what: 'A web page of elsewhere caused the request', help: 'Call the gateway from a server, not from a page' },
  unknown_route:         { what: 'There is no such path', help: 'See the endpoints' },
  invalid_json:          { what: 'The body is no JSON object, or a key stands in it twice', help: '`param` names the place' },
  invalid_value:         { what: 'A field or header is not what it may be', help: '`param` names it, the message what is allowed' },
  unsupported_parameter: { what: "A field has no counterpart in the provider's dialect and would change the answer", help: 'Leave it out, or use a model of the same dialect' },
  unsupported_operation: { what: 'The model does not do this', help: 'Use another model' },
  body_too_large:        { what: 'The body is larger, deeper or wider than may be', help: '`limits.body`, `bodyValues`, `bodyDepth`, `bodyKeys`' },
  unsupported_media:     { what: 'The body is compressed or no JSON', help: 'Send it as it is' },
  client_closed:         { what: 'The client closed the connection', help: 'In ledger and log only' },
  request_timeout:       { what: 'The body was not whole in time', help: '`limits.request`' },
  provider_refused:      { what: 'The provider refused the request as it is', help: "The provider's own words are in the reply" },
  provider_auth:         { what: "The provider does not take the gateway's credential, or there is none", help: 'The operator: `apiKey` of the provider; the log says more' },
  provider_account:      { what: "The gateway's account there has no money or is closed", help: 'The operator: the account at the provider' },
  provider_rate_limited: { what: 'The provider limits the rate', help: 'Wait as `retry-after` says; more targets for the model' },
  provider_error:        { what: 'The provider failed', help: 'It was tried again and elsewhere where that may help' },
  provider_overloaded:   { what: 'The provider has no capacity', help: 'Wait as `retry-after` says; more targets for the model' },
  provider_invalid:      { what: "The provider's reply is none of its dialect, or too large", help: '`limits.reply`, `limits.event`' },
  provider_unreachable:  { what: 'The provider could not be reached, or the connection was lost', help: 'The operator: network, `baseUrl`' },
  provider_timeout:      { what: 'The provider did not answer in time', help: '`timeouts`' },
  stream_cut:            { what: 'The stream ended in the middle', help: 'Ask again; what came is billed' },
  stream_stalled:        { what: 'The stream fell silent', help: 'Ask again; `timeouts.idle`, `timeouts.total`' },
  stream_failed:         { what: 'The provider reported an error inside its stream', help: 'The last event says which' },
  gateway_stopped:       { what: 'The gateway was stopped before the reply was whole', help: 'Ask again; `limits.drain`' },
  draining:              { what: 'The gateway is shutting down', help: 'Ask another replica' },
  too_many_calls:        { what: 'As many calls are in flight as may be', help: '`limits.callsInFlight`' },
  too_many_bytes:        { what: 'The bodies in flight take all their memory', help: '`limits.bodiesInFlight`' },
  budget_exceeded:       { what: 'A budget has not as much left as this call may come to', help: 'The message names the budget, what remains and when it resets; a smaller `max_tokens` needs less; `budgets`' },
  rate_limit_exceeded:   { what: 'A limit of calls or tokens in a short time has not as much left as this call may take', help: 'Wait as `retry-after` says; `budgets`, `limits` of the key' },
  unpriced_model:        { what: 'A budget of money holds for the call, and nobody knows what its model costs', help: 'The operator: `prices`, `admission.unpriced`' },
  too_many_bytes_of_key: { what: 'The bodies in flight of this key take all its share', help: '`limits.bodiesPerKey`' },
  ledger_full:           { what: 'The ledger cannot take another call', help: 'The operator: disk and ClickHouse; `ledger.maxSpool`' },
  record_damaged:        { what: 'The disk lost how the call ended', help: 'In the ledger only, at an estimate' },
  internal_error:        { what: 'A bug of the gateway', help: 'Report it with the call id; the log has more' },
} as const satisfies Record<ErrorCode, Words>;
