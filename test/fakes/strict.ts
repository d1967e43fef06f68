// What the real providers refuse, as far as a translator could get it wrong. Written from their documentation and from
// the types of their clients; nothing here knows the gateway.

type Body = Record<string, unknown>;
/** What is wrong with a request, or null. */
export type Strict = (body: Body) => string | null;

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly Body[] =>
  Array.isArray(value) ? value.filter(isBody) : [];

const unknownField = (body: Body, known: ReadonlySet<string>): string | null => {
  const field = Object.keys(body).find((key) => !known.has(key));
  return field === undefined ? null : `${field}: Extra inputs are not permitted`;
};

// oxfmt-ignore
const anthropicFields = new Set([
  'model', 'messages', 'max_tokens', 'system', 'stream', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'tools', 'tool_choice',
  'metadata', 'thinking', 'output_config', 'service_tier',
]);

const blocksOf = (message: Body): readonly Body[] =>
  typeof message['content'] === 'string'
    ? [{ type: 'text', text: message['content'] }]
    : list(message['content']);

const idsOf = (blocks: readonly Body[], type: string, key: string): readonly unknown[] =>
  blocks.filter((block) => block['type'] === type).map((block) => block[key]);

/** Each tool call is answered in the very next message, and nothing else is. */
const unansweredTool = (messages: readonly Body[]): string | null => {
  for (const [index, message] of messages.entries()) {
    const calls = idsOf(blocksOf(message), 'tool_use', 'id');
    const next = messages[index + 1];
    const answers = next === undefined ? [] : idsOf(blocksOf(next), 'tool_result', 'tool_use_id');
    if (calls.length !== answers.length || calls.some((id) => !answers.includes(id))) {
      return `messages.${index}: tool_use ids and tool_result blocks of the next message differ`;
    }
  }
  return null;
};

const emptyText = (messages: readonly Body[]): string | null =>
  messages.some((message) =>
    blocksOf(message).some(({ type, text }) => type === 'text' && text === ''),
  )
    ? 'messages: text content blocks must be non-empty'
    : null;

/** https://docs.anthropic.com/en/api/messages */
export const strictAnthropic: Strict = (body) => {
  const messages = list(body['messages']);
  const { temperature } = body;
  const roles = messages.map(({ role }) => role);
  if (!Number.isInteger(body['max_tokens'])) return 'max_tokens: Field required';
  if (messages.length === 0) return 'messages: at least one message is required';
  if (roles[0] !== 'user') return 'messages.0: first message must be of the user';
  if (typeof temperature === 'number' && temperature > 1) return 'temperature: at most 1';
  if (list(body['tools']).some((tool) => !isBody(tool['input_schema']))) {
    return 'tools: input_schema: Field required';
  }
  const thinking = messages.flatMap((message) => idsOf(blocksOf(message), 'thinking', 'signature'));
  if (thinking.some((signature) => typeof signature !== 'string' || signature === '')) {
    return 'messages: Invalid `signature` in `thinking` block';
  }
  return unknownField(body, anthropicFields) ?? emptyText(messages) ?? unansweredTool(messages);
};

// oxfmt-ignore
const openaiFields = new Set([
  'model', 'messages', 'stream', 'stream_options', 'max_completion_tokens', 'temperature', 'top_p', 'stop', 'tools', 'tool_choice',
  'parallel_tool_calls', 'user', 'reasoning_effort', 'response_format',
]);

/** Each tool call is answered by the tool messages right behind it, and nothing else is. */
const unansweredCall = (messages: readonly Body[]): string | null => {
  let open = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      if (!open.delete(message['tool_call_id'])) return `messages.${index}: answers no tool call`;
      continue;
    }
    if (open.size > 0) return `messages.${index}: tool calls must be followed by tool messages`;
    open = new Set(list(message['tool_calls']).map(({ id }) => id));
  }
  return open.size > 0 ? 'messages: tool calls must be followed by tool messages' : null;
};

const badContent = (messages: readonly Body[]): string | null => {
  for (const [index, { role, content, tool_calls }] of messages.entries()) {
    const isEmptyCall = role === 'assistant' && Array.isArray(tool_calls) && content === null;
    const isParts = role === 'user' && Array.isArray(content) && content.length > 0;
    if (typeof content !== 'string' && !isEmptyCall && !isParts) {
      return `messages.${index}.content: invalid`;
    }
  }
  return null;
};

/** https://platform.openai.com/docs/api-reference/chat/create */
export const strictOpenai: Strict = (body) => {
  const messages = list(body['messages']);
  const stop = body['stop'];
  const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool']);
  if (messages.length === 0) return 'messages: empty';
  if (messages.some(({ role }) => !roles.has(String(role)))) return 'messages: unknown role';
  if (Array.isArray(stop) && stop.length > 4) return 'stop: at most 4';
  if (
    list(body['tools']).some((tool) => tool['type'] !== 'function' || !isBody(tool['function']))
  ) {
    return 'tools: only functions';
  }
  if (body['stream'] !== true && body['stream_options'] !== undefined)
    return 'stream_options: only for streams';
  return unknownField(body, openaiFields) ?? badContent(messages) ?? unansweredCall(messages);
};
