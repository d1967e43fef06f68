import { errors } from '../../contract/errors.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { Delta, StopReason } from '../../model/delta.ts';
import { parseObject, type JsonObject } from '../../model/json.ts';
import { outputTokens, type Usage } from '../../model/usage.ts';
import type { ReplyHead } from '../dialect.ts';
import { gather } from '../gather.ts';

// What a provider of another dialect said, as a message: https://docs.anthropic.com/en/api/messages

const stopReasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
} as const satisfies Record<StopReason, string>;

type Stopped = Extract<Delta, { kind: 'stopped' }>;

/** Some vendors stop with `stop` after a tool call, and all of them after a refusal in words. */
export const stopFields = (
  stopped: Stopped | null,
  { hasTools, hasRefusal }: { readonly hasTools: boolean; readonly hasRefusal: boolean },
): JsonObject => {
  const said = stopped?.reason ?? 'other';
  const plain = said === 'stop' || said === 'other';
  const reason = plain && hasRefusal ? 'refusal' : plain && hasTools ? 'tool_calls' : said;
  const sequence = stopped?.stopSequence ?? null;
  return {
    stop_reason: sequence !== null && plain ? 'stop_sequence' : stopReasons[reason],
    stop_sequence: sequence,
  };
};

const tiers = ['standard', 'priority', 'batch'];

/** Cache reads and writes stand beside `input_tokens`, not inside. */
export const usageBody = (usage: Usage | null): JsonObject => {
  if (usage === null) return { input_tokens: 0, output_tokens: 0 };
  const { tokens, serviceTier, units } = usage;
  const searches = units['web_searches'];
  return {
    input_tokens: tokens.input_uncached + tokens.input_audio + tokens.input_image,
    cache_read_input_tokens: tokens.input_cache_read,
    cache_creation_input_tokens: tokens.input_cache_write + tokens.input_cache_write_long,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.input_cache_write,
      ephemeral_1h_input_tokens: tokens.input_cache_write_long,
    },
    output_tokens: outputTokens(tokens),
    output_tokens_details: { thinking_tokens: tokens.output_reasoning },
    server_tool_use:
      searches === undefined ? null : { web_search_requests: searches, web_fetch_requests: 0 },
    service_tier: serviceTier !== null && tiers.includes(serviceTier) ? serviceTier : null,
  };
};

/** A message as this dialect tells it, with what its content and end are. */
export const messageBody = (id: string, model: string, rest: JsonObject): JsonObject => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  ...rest,
});

/** Renders a whole reply as a message. A refusal in words is text. */
export const reply = (deltas: readonly Delta[], head: ReplyHead): JsonObject => {
  const said = gather(deltas);
  const { reasoning: thinking, signature } = said;
  const text = said.text + said.refusal;
  const content: readonly JsonObject[] = [
    ...(thinking === '' ? [] : [{ type: 'thinking', thinking, signature }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...said.tools.map(({ id, name, text: args }) => ({
      type: 'tool_use',
      id,
      name,
      input: parseObject(args) ?? {},
    })),
  ];
  const has = { hasTools: said.tools.length > 0, hasRefusal: said.refusal !== '' };
  return messageBody(said.id === '' ? head.fallbackId : said.id, head.model, {
    content,
    ...stopFields(said.stopped, has),
    usage: usageBody(said.usage),
  });
};

const typesByStatus: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [422, 'invalid_request_error'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

/**
 * The body of an error: https://docs.anthropic.com/en/api/errors. `code` and `param` are more than the dialect has, for
 * who wants to be precise: the provider's, or ours.
 */
export const error = ({ code, message, param, said }: Refusal): JsonObject => {
  const ours = errors[code].anthropic;
  if (said === null) return { type: 'error', error: { type: ours, message, code, param } };
  const isNative = said.dialect === 'anthropic';
  const words = said.message || message;
  // Clients of this dialect know it by these words, and shorten the conversation.
  const isTooLong = !isNative && said.code === 'context_length_exceeded';
  return {
    type: 'error',
    error: {
      type: (isNative ? said.type : typesByStatus.get(said.status)) || ours,
      message: isTooLong ? `prompt is too long: ${words}` : words,
      code: said.code || (isNative ? '' : said.type) || code,
      param,
    },
  };
};

/** An error inside a stream: https://docs.anthropic.com/en/docs/build-with-claude/streaming#error-events */
export const streamError = (failure: Refusal): string =>
  `event: error\ndata: ${JSON.stringify(error(failure))}\n\n`;
