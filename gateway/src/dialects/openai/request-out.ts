import type {
  AssistantPart,
  ChatCall,
  Effort,
  ImageSource,
  Message,
  TextPart,
  UserPart,
} from '../../model/chat.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import { standardTraits, type Traits, type Translated } from '../dialect.ts';
import { effortOfBudget, takesEffort } from '../effort.ts';
import { unsupported } from '../fields.ts';

const maxStops = 4;

/** Vendors differ on lists of text outside of a user's message; a string is understood everywhere. */
const joined = (parts: readonly TextPart[], between: string): string =>
  parts.map(({ text }) => text).join(between);

const imageUrl = (source: ImageSource): string =>
  source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;

/** A failed tool has no flag in this dialect, so its text says that it failed. */
const resultText = ({ parts, isError }: Extract<UserPart, { kind: 'tool_result' }>): string => {
  const text = joined(parts, '\n');
  return isError && !/^\W*error/i.test(text) ? `Error: ${text}` : text;
};

const userContent = (parts: readonly UserPart[]): Json => {
  const contents = parts.flatMap((part): readonly JsonObject[] => {
    if (part.kind === 'text') return [{ type: 'text', text: part.text }];
    if (part.kind === 'image') {
      return [{ type: 'image_url', image_url: { url: imageUrl(part.source) } }];
    }
    return [];
  });
  const [only] = contents;
  return contents.length === 1 && typeof only?.['text'] === 'string' ? only['text'] : contents;
};

/** Results go first: this dialect wants them right behind the calls they answer. */
const writeUser = (parts: readonly UserPart[]): readonly JsonObject[] => {
  const results = parts.flatMap((part) =>
    part.kind === 'tool_result'
      ? [{ role: 'tool', tool_call_id: part.id, content: resultText(part) }]
      : [],
  );
  const rest = parts.filter(({ kind }) => kind !== 'tool_result');
  return rest.length === 0 ? results : [...results, { role: 'user', content: userContent(rest) }];
};

const isText = (part: AssistantPart): part is TextPart => part.kind === 'text';

/**
 * Reasoning goes back only to those who gave it unsigned (`reasoning_content` of DeepSeek and vLLM). Signed reasoning
 * is Anthropic's own and means nothing elsewhere; it is no part of what was said.
 */
const writeAssistant = (parts: readonly AssistantPart[]): JsonObject => {
  const text = joined(parts.filter(isText), '');
  const reasoning = parts
    .flatMap((part) => (part.kind === 'reasoning' && part.signature === null ? [part.text] : []))
    .join('');
  const calls = parts.flatMap((part) =>
    part.kind === 'tool_call'
      ? [
          {
            id: part.id,
            type: 'function',
            function: { name: part.name, arguments: JSON.stringify(part.input) },
          },
        ]
      : [],
  );
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
};

const writeMessage = (message: Message): readonly JsonObject[] => {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: joined(message.parts, '\n\n') }];
    case 'user':
      return writeUser(message.parts);
    case 'assistant':
      return [writeAssistant(message.parts)];
  }
};

const writeTools = ({ tools, toolChoice, parallelToolCalls }: ChatCall): JsonObject => {
  if (tools.length === 0) return {};
  const choice =
    toolChoice?.kind === 'tool'
      ? { type: 'function', function: { name: toolChoice.name } }
      : toolChoice?.kind;
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: {
        name,
        ...(description === null ? {} : { description }),
        parameters,
        ...(strict === null ? {} : { strict }),
      },
    })),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === null ? {} : { parallel_tool_calls: parallelToolCalls }),
  };
};

/** How hard to think, for models that take it. A budget is translated only where that is known to be understood. */
const effortFor = ({ effort, thinkingTokens }: ChatCall, model: string): Effort | null => {
  const takes = takesEffort('openai', model);
  if (effort !== null) return takes === false ? null : effort.value;
  return thinkingTokens !== null && takes === true ? effortOfBudget(thinkingTokens.value) : null;
};

/** Longer ids of users are refused by several vendors (OpenRouter, Zhipu). */
const maxUserChars = 128;

const writeWishes = (
  call: ChatCall,
  model: string,
): { readonly fields: JsonObject; readonly dropped: readonly string[] } => {
  const effort = effortFor(call, model);
  const fits = call.user !== null && call.user.value.length <= maxUserChars;
  const left = [
    ...(effort === null ? [call.effort, call.thinkingTokens] : []),
    ...(fits ? [] : [call.user]),
  ];
  return {
    fields: {
      ...(effort === null ? {} : { reasoning_effort: effort }),
      ...(fits ? { user: call.user.value } : {}),
    },
    dropped: left.flatMap((wish) => (wish === null ? [] : [wish.field])),
  };
};

const writeAnswer = ({ answerSchema }: ChatCall): JsonObject =>
  answerSchema === null
    ? {}
    : {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'answer', schema: answerSchema, strict: true },
        },
      };

/** Writes a conversation as a chat completion request. What this dialect cannot say is left out or a problem; either names it. */
export const write = (
  call: ChatCall,
  model: string,
  traits: Traits = standardTraits,
): Translated<JsonObject> => {
  if (call.topK !== null) {
    return {
      kind: 'bad',
      problem: unsupported('top_k', "has no counterpart in OpenAI's dialect."),
    };
  }
  if (call.stop.length > maxStops) {
    const why = `may hold at most ${maxStops} sequences in OpenAI's dialect, but ${call.stop.length} were given.`;
    return { kind: 'bad', problem: unsupported('stop_sequences', why) };
  }
  const { fields, dropped } = writeWishes(call, model);
  const system: Message[] = call.system.length > 0 ? [{ role: 'system', parts: call.system }] : [];
  const limit = traits.olderMaxTokens ? 'max_tokens' : 'max_completion_tokens';
  const value: JsonObject = {
    model,
    messages: [...system, ...call.messages].flatMap(writeMessage),
    ...(call.maxTokens === null ? {} : { [limit]: call.maxTokens }),
    ...(call.temperature === null ? {} : { temperature: call.temperature }),
    ...(call.topP === null ? {} : { top_p: call.topP }),
    ...(call.stop.length === 0 ? {} : { stop: call.stop }),
    ...writeTools(call),
    ...writeAnswer(call),
    ...fields,
    ...(call.stream ? { stream: true } : {}),
    ...(call.stream && !traits.usageUnasked ? { stream_options: { include_usage: true } } : {}),
  };
  return { kind: 'ok', value, dropped };
};
