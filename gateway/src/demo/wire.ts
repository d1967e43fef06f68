import { objectAt, type JsonObject } from '../model/json.ts';
import type { DemoAnswer, DemoUsage } from './model.ts';

// The demo model's answer in OpenAI's dialect: https://platform.openai.com/docs/api-reference/chat

export interface Stamp {
  readonly id: string;
  readonly createdSeconds: number;
}

const usageBody = ({ promptTokens, cachedTokens, completionTokens }: DemoUsage): JsonObject => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
});

const callBody = (answer: DemoAnswer, id: string): readonly JsonObject[] =>
  answer.toolCall === null
    ? []
    : [{ id: `call_${id}`, type: 'function', function: answer.toolCall }];

/** The whole reply. */
export const wholeReply = (answer: DemoAnswer, { id, createdSeconds }: Stamp): JsonObject => {
  const calls = callBody(answer, id);
  const message = {
    role: 'assistant',
    content: calls.length > 0 ? null : answer.tokens.join(''),
    refusal: null,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  return {
    id,
    object: 'chat.completion',
    created: createdSeconds,
    model: answer.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finish }],
    usage: usageBody(answer.usage),
  };
};

/** The events of a stream, in order, as text; `isToken` marks those that a real model takes time for. */
export const streamEvents = (
  answer: DemoAnswer,
  { id, createdSeconds }: Stamp,
  body: JsonObject,
): readonly { readonly text: string; readonly isToken: boolean }[] => {
  const wantsUsage = objectAt(body, 'stream_options')?.['include_usage'] === true;
  const event = (choices: readonly JsonObject[], usage: JsonObject | null, isToken = false) => {
    const chunk = {
      id,
      object: 'chat.completion.chunk',
      created: createdSeconds,
      model: answer.model,
      choices,
      ...(wantsUsage ? { usage } : {}),
    };
    return { text: `data: ${JSON.stringify(chunk)}\n\n`, isToken };
  };
  const said = (delta: JsonObject, isToken = false, finish_reason: string | null = null) =>
    event([{ index: 0, delta, logprobs: null, finish_reason }], null, isToken);
  const calls = callBody(answer, id).flatMap((call) => {
    const { name = '', arguments: text = '' } = answer.toolCall ?? {};
    const begun = { ...call, index: 0, function: { name, arguments: '' } };
    return [
      said({ tool_calls: [begun] }, true),
      said({ tool_calls: [{ index: 0, function: { arguments: text } }] }, true),
    ];
  });
  return [
    said({ role: 'assistant', content: calls.length > 0 ? null : '', refusal: null }),
    ...answer.tokens.map((content) => said({ content }, true)),
    ...calls,
    said({}, false, answer.finish),
    ...(wantsUsage ? [event([], usageBody(answer.usage))] : []),
    { text: 'data: [DONE]\n\n', isToken: false },
  ];
};

/** The body of an error. */
export const errorReply = (status: number, message: string): JsonObject => ({
  error: {
    message,
    type:
      status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error',
    param: null,
    code: null,
  },
});
