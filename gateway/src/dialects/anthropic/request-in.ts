import {
  efforts,
  type ChatCall,
  type Effort,
  type Tool,
  type ToolChoice,
} from '../../model/chat.ts';
import { numberAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Translated } from '../dialect.ts';
import {
  invalid,
  objectsIn,
  onlyKnown,
  startFindings,
  textIn,
  textsIn,
  untranslatable,
  type Complain,
  type Known,
} from '../fields.ts';
import { readMessages, readTexts } from './messages-in.ts';

// The whole of a message request, for a provider of another dialect: https://docs.anthropic.com/en/api/messages
// `cache_control` says where a prompt may be cached: a matter of price, and other dialects cache by themselves.

/** The fields of a request, as another dialect can have them; `docs/providers.md` lists them. */
export const fields = {
  // oxfmt-ignore
  read: [
    'model', 'messages', 'max_tokens', 'system', 'stream', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'tools', 'tool_choice',
    'metadata', 'thinking', 'output_config',
  ],
  steering: ['cache_control', 'context_management', 'service_tier', 'speed'],
  neutral: { service_tier: ['auto'], speed: ['standard'], mcp_servers: [[]] },
} as const satisfies Known;

const toolFields: Known = {
  read: ['type', 'name', 'description', 'input_schema', 'strict'],
  steering: ['cache_control', 'eager_input_streaming'],
  neutral: { allowed_callers: [['direct']], defer_loading: [false] },
};

const readTools = (body: JsonObject, complain: Complain): readonly Tool[] =>
  objectsIn(body['tools'], 'tools', complain).flatMap(({ item, path }) => {
    if ((textAt(item, 'type') ?? 'custom') !== 'custom') {
      complain(untranslatable(`${path}.type`)); // a tool that runs at Anthropic
      return [];
    }
    onlyKnown(item, path, toolFields, complain);
    const parameters = objectAt(item, 'input_schema');
    if (parameters === null) {
      complain(invalid(`${path}.input_schema`, item['input_schema'], 'an object'));
    }
    return [
      {
        name: textIn(item, 'name', path, complain),
        description: textAt(item, 'description'),
        parameters: parameters ?? {},
        strict: typeof item['strict'] === 'boolean' ? item['strict'] : null,
      },
    ];
  });

const readToolChoice = (choice: JsonObject | null, complain: Complain): ToolChoice | null => {
  if (choice === null) return null;
  onlyKnown(
    choice,
    'tool_choice',
    { read: ['type', 'name', 'disable_parallel_tool_use'] },
    complain,
  );
  switch (textAt(choice, 'type') ?? '') {
    case 'auto':
      return { kind: 'auto' };
    case 'none':
      return { kind: 'none' };
    case 'any':
      return { kind: 'required' };
    case 'tool':
      return { kind: 'tool', name: textIn(choice, 'name', 'tool_choice', complain) };
    default:
      complain(untranslatable('tool_choice.type'));
      return null;
  }
};

/** `adaptive` leaves it to the model, which is what other dialects do; a budget of tokens is a wish. */
const readThinking = (body: JsonObject, complain: Complain): ChatCall['thinkingTokens'] => {
  const thinking = objectAt(body, 'thinking');
  if (thinking === null) return null;
  const type = textAt(thinking, 'type') ?? '';
  if (!['disabled', 'adaptive', 'enabled'].includes(type))
    complain(untranslatable('thinking.type'));
  const known = { read: ['type', 'budget_tokens'], steering: ['display'] };
  onlyKnown(thinking, 'thinking', known, complain);
  const tokens = numberAt(thinking, 'budget_tokens');
  return type === 'enabled' && tokens !== null
    ? { value: tokens, field: 'thinking.budget_tokens' }
    : null;
};

/** Who asks is said; whatever else stands there is for the provider's own books. */
const readUser = (body: JsonObject, complain: Complain): ChatCall['user'] => {
  const metadata = objectAt(body, 'metadata') ?? {};
  const value = textAt(metadata, 'user_id');
  if (Object.keys(metadata).some((key) => key !== 'user_id')) complain({ dropped: 'metadata' });
  return value === null ? null : { value, field: 'metadata.user_id' };
};

const isEffort = (value: unknown): value is Effort => efforts.some((effort) => effort === value);

const readEffort = (output: JsonObject, complain: Complain): ChatCall['effort'] => {
  const effort = output['effort'];
  if (effort === undefined || effort === null) return null;
  if (isEffort(effort)) return { value: effort, field: 'output_config.effort' };
  complain(untranslatable('output_config.effort'));
  return null;
};

const readSchema = (output: JsonObject, complain: Complain): JsonObject | null => {
  const format = objectAt(output, 'format');
  if (format === null) return null;
  if (textAt(format, 'type') !== 'json_schema')
    complain(untranslatable('output_config.format.type'));
  const schema = objectAt(format, 'schema');
  if (schema === null) {
    complain(invalid('output_config.format.schema', format['schema'], 'an object'));
  }
  return schema;
};

/** Reads a conversation. A field without a counterpart in other dialects is left out or a problem; either names it. */
export const read = (body: JsonObject): Translated<ChatCall> => {
  const { complain, problem, dropped } = startFindings();
  onlyKnown(body, '', fields, complain);
  const output = objectAt(body, 'output_config') ?? {};
  onlyKnown(output, 'output_config', { read: ['effort', 'format'] }, complain);
  const choice = objectAt(body, 'tool_choice');
  const call: ChatCall = {
    system: readTexts(body['system'], 'system', complain),
    messages: readMessages(body['messages'], complain),
    tools: readTools(body, complain),
    toolChoice: readToolChoice(choice, complain),
    parallelToolCalls: choice?.['disable_parallel_tool_use'] === true ? false : null,
    maxTokens: numberAt(body, 'max_tokens'),
    temperature: numberAt(body, 'temperature'),
    topP: numberAt(body, 'top_p'),
    topK: numberAt(body, 'top_k'),
    stop: textsIn(body['stop_sequences'], 'stop_sequences', complain),
    effort: readEffort(output, complain),
    thinkingTokens: readThinking(body, complain),
    answerSchema: readSchema(output, complain),
    user: readUser(body, complain),
    stream: body['stream'] === true,
  };
  const bad = problem();
  return bad === null
    ? { kind: 'ok', value: call, dropped: dropped() }
    : { kind: 'bad', problem: bad };
};
