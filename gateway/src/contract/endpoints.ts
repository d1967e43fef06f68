/** The paths on which calls arrive: named once, for the server that opens them and the spans that tell of them. */
// oxfmt-ignore
export const endpoints = [
  { path: '/v1/chat/completions', dialect: 'openai',    operation: 'chat' },
  { path: '/v1/embeddings',       dialect: 'openai',    operation: 'embeddings' },
  { path: '/v1/messages',         dialect: 'anthropic', operation: 'chat' },
] as const;
