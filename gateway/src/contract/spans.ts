/**
 * Names on spans: OpenTelemetry GenAI semantic conventions v1.41.1, and `tollgate.*` for what they do not cover.
 * https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai
 */
export const scope = {
  scopeName: '@tollgate/gateway',
  schemaUrl: 'https://opentelemetry.io/schemas/1.41.0',
} as const;

// oxfmt-ignore
export const attribute = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  requestStream: 'gen_ai.request.stream',
  requestMaxTokens: 'gen_ai.request.max_tokens',
  requestTemperature: 'gen_ai.request.temperature',
  requestTopP: 'gen_ai.request.top_p',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  conversation: 'gen_ai.conversation.id',
  agentName: 'gen_ai.agent.name',
  errorType: 'error.type',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  user: 'enduser.id',
  callId: 'tollgate.call.id',
  outcome: 'tollgate.outcome',
  errorOrigin: 'tollgate.error.origin',
  errorCode: 'tollgate.error.code',
  costUsd: 'tollgate.cost.usd',
  costPicodollars: 'tollgate.cost.picodollars',
  usageSource: 'tollgate.usage.source',
  priceStatus: 'tollgate.price.status',
  team: 'tollgate.caller.team',
  app: 'tollgate.caller.app',
  keyId: 'tollgate.caller.key_id',
  namespace: 'tollgate.caller.namespace',
  streamOutcome: 'tollgate.stream.outcome',
  attempt: 'tollgate.attempt',
  attempts: 'tollgate.attempts',
  tagPrefix: 'tollgate.tag.',
} as const;
