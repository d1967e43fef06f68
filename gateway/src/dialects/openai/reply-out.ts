import { errors } from '../../contract/errors.ts';
import type { ProviderError } from '../../model/fault.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { Delta, StopReason } from '../../model/delta.ts';
import type { JsonObject } from '../../model/json.ts';
import { inputTokens, outputTokens, type Usage } from '../../model/usage.ts';
import type { ReplyHead } from '../dialect.ts';
import { gather } from '../gather.ts';

// What a provider of another dialect said, as a chat completion:
// https://platform.openai.com/docs/api-reference/chat-streaming/streaming

const finishReasons = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  content_filter: 'content_filter',
  refusal: 'content_filter',
  pause: 'stop',
  other: 'stop',
} as const satisfies Record<StopReason, string>;

const usageBody = ({ tokens }: Usage): JsonObject => {
  const prompt = inputTokens(tokens);
  const completion = outputTokens(tokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: tokens.input_cache_read,
      cache_write_tokens: tokens.input_cache_write + tokens.input_cache_write_long,
      audio_tokens: tokens.input_audio,
    },
    completion_tokens_details: {
      reasoning_tokens: tokens.output_reasoning,
      audio_tokens: tokens.output_audio,
    },
  };
};

const sse = (data: JsonObject): string => `data: ${JSON.stringify(data)}\n\n`;

/** What a delta adds to the message; null: nothing that a chunk could say. */
const saidBy = (delta: Delta): JsonObject | null => {
  switch (delta.kind) {
    case 'text':
      return { content: delta.text };
    case 'reasoning':
      return { reasoning_content: delta.text };
    case 'refusal':
      return { refusal: delta.text };
    case 'tool_started': {
      const named = { name: delta.name, arguments: '' };
      return {
        tool_calls: [{ index: delta.index, id: delta.id, type: 'function', function: named }],
      };
    }
    case 'tool_arguments':
      return { tool_calls: [{ index: delta.index, function: { arguments: delta.text } }] };
    case 'opened':
    case 'reasoning_signature':
    case 'other_content':
    case 'usage':
    case 'stopped':
    case 'ended':
    case 'failed':
      return null;
  }
};

/** Renders deltas as a stream of chunks; the usage chunk comes only when the client asked for it. */
export const streamWriter = (head: ReplyHead): ((deltas: readonly Delta[]) => string) => {
  let id = head.fallbackId;
  let usage: Usage | null = null;
  let begun = false;
  /** Tools called without arguments: others stream nothing then, clients of this dialect expect `{}`. */
  const silentTools = new Set<number>();

  const chunk = (choices: readonly JsonObject[], more: JsonObject = {}): string =>
    sse({
      id,
      object: 'chat.completion.chunk',
      created: head.createdSeconds,
      model: head.model,
      choices,
      ...(head.wantsStreamUsage ? { usage: null } : {}),
      ...more,
    });
  const choice = (delta: JsonObject, finish_reason: string | null = null): string =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason }]);
  const begin = (): string => {
    if (begun) return '';
    begun = true;
    return choice({ role: 'assistant', content: '', refusal: null });
  };
  const end = (): string => {
    const last =
      head.wantsStreamUsage && usage !== null ? chunk([], { usage: usageBody(usage) }) : '';
    return `${last}data: [DONE]\n\n`;
  };

  const say = (delta: Delta): string => {
    const said = saidBy(delta);
    return said === null ? '' : begin() + choice(said);
  };
  const stop = (reason: StopReason): string => {
    const inputs = [...silentTools].map((index) =>
      say({ kind: 'tool_arguments', index, text: '{}' }),
    );
    return begin() + inputs.join('') + choice({}, finishReasons[reason]);
  };

  const render = (delta: Delta): string => {
    if (delta.kind === 'opened' && delta.id !== '') id = delta.id;
    if (delta.kind === 'usage') usage = delta.usage;
    if (delta.kind === 'tool_started') silentTools.add(delta.index);
    if (delta.kind === 'tool_arguments') silentTools.delete(delta.index);
    if (delta.kind === 'opened') return begin();
    if (delta.kind === 'stopped') return stop(delta.reason);
    if (delta.kind === 'ended') return end();
    return say(delta);
  };
  return (deltas) => deltas.map(render).join('');
};

/** Renders a whole reply as a chat completion. */
export const reply = (deltas: readonly Delta[], head: ReplyHead): JsonObject => {
  const said = gather(deltas);
  const calls = said.tools.map((tool) => ({
    id: tool.id,
    type: 'function',
    function: { name: tool.name, arguments: tool.text === '' ? '{}' : tool.text },
  }));
  const message = {
    role: 'assistant',
    content: said.text === '' && (calls.length > 0 || said.refusal !== '') ? null : said.text,
    refusal: said.refusal === '' ? null : said.refusal,
    ...(said.reasoning === '' ? {} : { reasoning_content: said.reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  const finish_reason = finishReasons[said.stopped?.reason ?? 'other'];
  return {
    id: said.id === '' ? head.fallbackId : said.id,
    object: 'chat.completion',
    created: head.createdSeconds,
    model: head.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    ...(said.usage === null ? {} : { usage: usageBody(said.usage) }),
  };
};

/** Another dialect's names for what OpenAI has a code for; clients branch on these. */
const codes: ReadonlyMap<string, string> = new Map([
  ['not_found_error', 'model_not_found'],
  ['rate_limit_error', 'rate_limit_exceeded'],
]);
/** Anthropic tells it from other wrong requests by its words alone. */
const tooLong = /prompt is too long|exceeds? (the )?context (limit|window)/i;

const codeFor = ({ type, code, message }: ProviderError): string => {
  if (tooLong.test(message)) return 'context_length_exceeded';
  return code === '' ? (codes.get(type) ?? type) : code;
};

/**
 * The body of an error: https://platform.openai.com/docs/guides/error-codes. A provider's own code and words go before
 * ours; its type does when it is one of this dialect.
 */
export const error = ({ code, message, param, said }: Refusal): JsonObject => {
  const ours = errors[code].openai;
  if (said === null) return { error: { message, type: ours, param, code } };
  const isNative = said.dialect === 'openai';
  return {
    error: {
      message: said.message || message,
      type: (isNative && said.type) || ours,
      param,
      code: (isNative ? said.code : codeFor(said)) || code,
    },
  };
};

/** An error inside a stream, in the form on which OpenAI's clients raise: an event with an `error` object. */
export const streamError = (failure: Refusal): string => sse(error(failure));
