/** Headers of our own. Those of providers that pass stand in `reply-headers.ts`. */
// oxfmt-ignore
export const requestHeaders = {
  authorization:        "`Bearer` and a key of this gateway. `x-api-key` counts as well, whatever the dialect",
  traceparent:          'The trace that the call belongs to (https://www.w3.org/TR/trace-context/); with `tracestate`. Without it the call begins a trace',
  'x-tollgate-agent':   'Who acts, such as the name of an agent: `agent` in the ledger. `gen_ai.agent.name` in `baggage` says the same',
  'x-tollgate-session': 'The conversation: `session_id`. `gen_ai.conversation.id` or `session.id` in `baggage` say the same',
  'x-tollgate-user':    'On whose behalf: `caller_user`. `enduser.id` or `user.id` in `baggage` say the same',
  'x-tollgate-tags':    'What else a bill is split by, as `key=value` separated by commas: `tags`',
} as const;

// oxfmt-ignore
export const responseHeaders = {
  'x-tollgate-call-id':      'The id of the call in ledger, log and spans',
  'x-tollgate-trace-id':     'Its trace',
  'x-tollgate-provider':     'Which provider answered, or was asked last',
  'x-tollgate-model':        "The model's name there",
  'x-tollgate-attempts':     'How often providers were asked for this call',
  'x-tollgate-cache':        '`hit` when no provider was asked; `off`: nothing is kept',
  'x-tollgate-cost-usd':     'What the call cost, exact. Not of a stream: its cost is known after its head; and not when a crash could still change it',
  'x-tollgate-overhead-ms':  "What the gateway added to the provider's time",
  'x-tollgate-dropped':      'What of the request did not go on because it means nothing to that provider',
  'x-tollgate-error-origin': 'Of an error: `client`, `gateway`, `provider` or `network`',
  'x-tollgate-error-code':   'Of an error: its code in the list of errors',
} as const;
