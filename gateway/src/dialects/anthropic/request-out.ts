import type {
  AssistantPart,
  ChatCall,
  Effort,
  ImageSource,
  Message,
  TextPart,
  UserPart,
} from '../../model/chat.ts';
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import type { Translated } from '../dialect.ts';
import { takesEffort } from '../effort.ts';
import { unsupported } from '../fields.ts';

/** This dialect requires a limit. All its models answer at least so much. */
const defaultMaxTokens = 4_096;
const maxTemperature = 1;

/** The dialect refuses empty text. */
const writeText = ({ text, cache }: TextPart): readonly JsonObject[] => {
  if (text === '') return [];
  if (cache === null) return [{ type: 'text', text }];
  const lifetime = cache === '1h' ? { ttl: '1h' } : {};
  return [{ type: 'text', text, cache_control: { type: 'ephemeral', ...lifetime } }];
};

const writeSource = (source: ImageSource): JsonObject =>
  source.kind === 'url'
    ? { type: 'url', url: source.url }
    : { type: 'base64', media_type: source.mediaType, data: source.data };

const writeUserPart = (part: UserPart): readonly JsonObject[] => {
  switch (part.kind) {
    case 'text':
      return writeText(part);
    case 'image':
      return [{ type: 'image', source: writeSource(part.source) }];
    case 'tool_result': {
      const content = part.parts.flatMap(writeText);
      return [
        {
          type: 'tool_result',
          tool_use_id: part.id,
          ...(content.length === 0 ? {} : { content }),
          ...(part.isError ? { is_error: true } : {}),
        },
      ];
    }
  }
};

const writeAssistantPart = (part: AssistantPart): readonly JsonObject[] => {
  switch (part.kind) {
    case 'text':
      return writeText(part);
    case 'reasoning':
      // Reasoning that Anthropic did not sign is refused by it, and is no part of what was said.
      return part.signature === null
        ? []
        : [{ type: 'thinking', thinking: part.text, signature: part.signature }];
    case 'tool_call':
      return [{ type: 'tool_use', id: part.id, name: part.name, input: part.input }];
  }
};

const writeMessage = (message: Message): { role: string; content: readonly JsonObject[] } => {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.parts.flatMap(writeText) };
    case 'user':
      return { role: 'user', content: message.parts.flatMap(writeUserPart) };
    case 'assistant':
      return { role: 'assistant', content: message.parts.flatMap(writeAssistantPart) };
  }
};

/** Turns of one role become one turn: results of parallel tools must answer their calls together. */
const writeMessages = (messages: readonly Message[]): readonly JsonObject[] => {
  const turns: { role: string; content: readonly JsonObject[] }[] = [];
  for (const message of messages) {
    const turn = writeMessage(message);
    const last = turns.at(-1);
    if (turn.content.length === 0) continue;
    if (last?.role === turn.role) last.content = [...last.content, ...turn.content];
    else turns.push(turn);
  }
  return turns.map(({ role, content }) => ({ role, content }));
};

const writeToolChoice = ({ toolChoice, parallelToolCalls }: ChatCall): JsonObject => {
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  switch (toolChoice?.kind) {
    case undefined:
      return parallelToolCalls === false ? { tool_choice: { type: 'auto', ...single } } : {};
    case 'auto':
      return { tool_choice: { type: 'auto', ...single } };
    case 'required':
      return { tool_choice: { type: 'any', ...single } };
    case 'tool':
      return { tool_choice: { type: 'tool', name: toolChoice.name, ...single } };
    case 'none':
      return { tool_choice: { type: 'none' } };
  }
};

const writeTools = (call: ChatCall): JsonObject => {
  if (call.tools.length === 0) return {};
  return {
    tools: call.tools.map(({ name, description, parameters, strict }) => ({
      name,
      ...(description === null ? {} : { description }),
      input_schema: { type: 'object', ...parameters },
      ...(strict === null ? {} : { strict }),
    })),
    ...writeToolChoice(call),
  };
};

/** Keywords of a schema that hold values, not schemas. */
const literal: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples']);

/** Objects of an answer's schema must say that they hold nothing more; the official SDKs add it too. */
const closed = (schema: Json): Json => {
  if (Array.isArray(schema)) return schema.map((item: Json) => closed(item));
  if (!isObject(schema)) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      value === undefined || literal.has(key) ? value : closed(value),
    ]),
  );
  return schema['type'] === 'object' && schema['additionalProperties'] === undefined
    ? { ...inner, additionalProperties: false }
    : inner;
};

const writeOutput = (effort: Effort | null, answerSchema: JsonObject | null): JsonObject => {
  if (effort === null && answerSchema === null) return {};
  return {
    output_config: {
      ...(effort === null ? {} : { effort }),
      ...(answerSchema === null
        ? {}
        : { format: { type: 'json_schema', schema: closed(answerSchema) } }),
    },
  };
};

/** https://docs.anthropic.com/en/api/messages#body-metadata-user-id */
const maxUserChars = 256;

/** The wishes that this model takes, and the fields of those that it does not. */
const wishesFor = ({ effort, user }: ChatCall, model: string) => {
  const takes = effort !== null && takesEffort('anthropic', model) !== false;
  const fits = user !== null && user.value.length <= maxUserChars;
  return {
    effort: takes ? effort.value : null,
    user: fits ? user.value : null,
    dropped: [
      ...(effort === null || takes ? [] : [effort.field]),
      ...(user === null || fits ? [] : [user.field]),
    ],
  };
};

/** A conversation of instructions alone is asked as a user: the dialect wants someone to answer. */
const asked = ({ system, messages }: ChatCall): Pick<ChatCall, 'system' | 'messages'> =>
  messages.length === 0 && system.length > 0
    ? { system: [], messages: [{ role: 'user', parts: system }] }
    : { system, messages };

/** Writes a conversation as a message request. What this dialect cannot say is left out or a problem; either names it. */
export const write = (call: ChatCall, model: string): Translated<JsonObject> => {
  if (call.temperature !== null && call.temperature > maxTemperature) {
    const why = `may be at most ${maxTemperature} for this model, whose provider speaks Anthropic's dialect.`;
    return { kind: 'bad', problem: unsupported('temperature', why) };
  }
  const { effort, user, dropped } = wishesFor(call, model);
  const { messages, system: instructions } = asked(call);
  const system = instructions.flatMap(writeText);
  const value: JsonObject = {
    model,
    max_tokens: call.maxTokens ?? defaultMaxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages: writeMessages(messages),
    ...(call.temperature === null ? {} : { temperature: call.temperature }),
    ...(call.topP === null ? {} : { top_p: call.topP }),
    ...(call.topK === null ? {} : { top_k: call.topK }),
    ...(call.stop.length === 0 ? {} : { stop_sequences: call.stop }),
    ...writeTools(call),
    ...writeOutput(effort, call.answerSchema),
    ...(user === null ? {} : { metadata: { user_id: user } }),
    ...(call.stream ? { stream: true } : {}),
  };
  return { kind: 'ok', value, dropped };
};
