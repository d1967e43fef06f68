import type {
  AssistantPart,
  ChatCall,
  ImageSource,
  Message,
  TextPart,
  UserPart,
} from '../../../model/chat.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { Checked } from '../dialect.ts';
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

const writeOutput = ({ effort, answerSchema }: ChatCall): JsonObject => {
  if (effort === null && answerSchema === null) return {};
  return {
    output_config: {
      ...(effort === null ? {} : { effort }),
      ...(answerSchema === null ? {} : { format: { type: 'json_schema', schema: answerSchema } }),
    },
  };
};

/** Writes a conversation as a message request. What this dialect cannot say is a problem. */
export const write = (call: ChatCall, model: string): Checked<JsonObject> => {
  if (call.temperature !== null && call.temperature > maxTemperature) {
    const why = `may be at most ${maxTemperature} for this model, whose provider speaks Anthropic's dialect.`;
    return { kind: 'bad', problem: unsupported('temperature', why) };
  }
  const system = call.system.flatMap(writeText);
  const value: JsonObject = {
    model,
    max_tokens: call.maxTokens ?? defaultMaxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages: writeMessages(call.messages),
    ...(call.temperature === null ? {} : { temperature: call.temperature }),
    ...(call.topP === null ? {} : { top_p: call.topP }),
    ...(call.topK === null ? {} : { top_k: call.topK }),
    ...(call.stop.length === 0 ? {} : { stop_sequences: call.stop }),
    ...writeTools(call),
    ...writeOutput(call),
    ...(call.user === null ? {} : { metadata: { user_id: call.user } }),
    ...(call.stream ? { stream: true } : {}),
  };
  return { kind: 'ok', value };
};
