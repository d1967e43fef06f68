import {
  efforts,
  type ChatCall,
  type Effort,
  type Tool,
  type ToolChoice,
} from '../../../model/chat.ts';
import type { Problem } from '../../../model/call.ts';
import { numberAt, objectAt, textAt, type JsonObject } from '../../../model/json.ts';
import type { Checked } from '../dialect.ts';
import {
  invalid,
  objectsIn,
  onlyKnown,
  textIn,
  textsIn,
  untranslatable,
  type Complain,
  type Known,
} from '../fields.ts';
import { readMessages, readTexts } from './messages-in.ts';

// The whole of a message request, for a provider of another dialect: https://docs.anthropic.com/en/api/messages
// `cache_control` says where a prompt may be cached: a matter of price, and other dialects cache by themselves.

const fields: Known = {
  // oxfmt-ignore
  read: [
    'model', 'messages', 'max_tokens', 'system', 'stream', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'tools', 'tool_choice',
    'metadata', 'thinking', 'output_config',
  ],
  hints: ['cache_control'],
  neutral: { service_tier: ['auto'], speed: ['standard'] },
};

const toolFields: Known = {
  read: ['type', 'name', 'description', 'input_schema', 'strict'],
  hints: ['cache_control', 'eager_input_streaming'],
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

/** `adaptive` leaves it to the model, which is what other dialects do; a budget of tokens has no counterpart. */
const checkThinking = (body: JsonObject, complain: Complain): void => {
  const thinking = objectAt(body, 'thinking');
  if (thinking === null) return;
  const type = textAt(thinking, 'type');
  if (type !== 'disabled' && type !== 'adaptive') complain(untranslatable('thinking.type'));
  onlyKnown(
    thinking,
    'thinking',
    { read: ['type', 'budget_tokens'], hints: ['display'] },
    complain,
  );
};

const isEffort = (value: unknown): value is Effort => efforts.some((effort) => effort === value);

const readEffort = (output: JsonObject, complain: Complain): Effort | null => {
  const effort = output['effort'];
  if (effort === undefined || effort === null) return null;
  if (isEffort(effort)) return effort;
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

/** Reads a conversation. A field without a counterpart in other dialects is a problem that names it. */
export const read = (body: JsonObject): Checked<ChatCall> => {
  const problems: Problem[] = [];
  const complain: Complain = (problem) => problems.push(problem);
  onlyKnown(body, '', fields, complain);
  checkThinking(body, complain);
  const metadata = objectAt(body, 'metadata') ?? {};
  onlyKnown(metadata, 'metadata', { read: ['user_id'] }, complain);
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
    answerSchema: readSchema(output, complain),
    user: textAt(metadata, 'user_id'),
    stream: body['stream'] === true,
  };
  const [problem] = problems;
  return problem === undefined ? { kind: 'ok', value: call } : { kind: 'bad', problem };
};
