import {
  efforts,
  type ChatCall,
  type Effort,
  type Message,
  type TextPart,
  type Tool,
  type ToolChoice,
} from '../../../model/chat.ts';
import type { Problem } from '../../../model/call.ts';
import { isObject, numberAt, objectAt, textAt, type JsonObject } from '../../../model/json.ts';
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
import { readMessages } from './messages-in.ts';

// The whole of a chat completion request, for a provider of another dialect:
// https://platform.openai.com/docs/api-reference/chat/create

const fields: Known = {
  // oxfmt-ignore
  read: [
    'model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'stop', 'tools',
    'tool_choice', 'parallel_tool_calls', 'user', 'safety_identifier', 'reasoning_effort', 'response_format',
  ],
  hints: ['prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention'],
  neutral: {
    n: [1],
    store: [false],
    logprobs: [false],
    top_logprobs: [0],
    frequency_penalty: [0],
    presence_penalty: [0],
    logit_bias: [{}],
    metadata: [{}],
    modalities: [['text']],
    service_tier: ['auto', 'default'],
    verbosity: ['medium'],
  },
};

const readTools = (body: JsonObject, complain: Complain): readonly Tool[] =>
  objectsIn(body['tools'], 'tools', complain).flatMap(({ item, path }) => {
    const named = objectAt(item, 'function');
    if (textAt(item, 'type') !== 'function' || named === null) {
      complain(untranslatable(`${path}.type`));
      return [];
    }
    const at = `${path}.function`;
    onlyKnown(named, at, { read: ['name', 'description', 'parameters', 'strict'] }, complain);
    return [
      {
        name: textIn(named, 'name', at, complain),
        description: textAt(named, 'description'),
        parameters: objectAt(named, 'parameters') ?? { type: 'object', properties: {} },
        strict: typeof named['strict'] === 'boolean' ? named['strict'] : null,
      },
    ];
  });

const readToolChoice = (body: JsonObject, complain: Complain): ToolChoice | null => {
  const choice = body['tool_choice'];
  if (choice === undefined || choice === null) return null;
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { kind: choice };
  const named = isObject(choice) && choice['type'] === 'function' && objectAt(choice, 'function');
  if (isObject(named)) {
    return { kind: 'tool', name: textIn(named, 'name', 'tool_choice.function', complain) };
  }
  complain(untranslatable('tool_choice'));
  return null;
};

const isEffort = (value: unknown): value is Effort => efforts.some((effort) => effort === value);

const readEffort = (body: JsonObject, complain: Complain): Effort | null => {
  const effort = body['reasoning_effort'];
  if (effort === undefined || effort === null) return null;
  if (isEffort(effort)) return effort;
  complain(untranslatable('reasoning_effort'));
  return null;
};

/** The schema of a structured answer. Its name and description are labels; `json_object` has no counterpart. */
const readSchema = (body: JsonObject, complain: Complain): JsonObject | null => {
  const format = objectAt(body, 'response_format');
  if (format === null || textAt(format, 'type') === 'text') return null;
  const schema = objectAt(objectAt(format, 'json_schema') ?? {}, 'schema');
  if (textAt(format, 'type') !== 'json_schema') complain(untranslatable('response_format.type'));
  else if (schema === null) {
    complain(invalid('response_format.json_schema.schema', undefined, 'an object'));
  }
  return schema;
};

/** System messages before the first other message are the system prompt; later ones stay where they are. */
const splitSystem = (messages: readonly Message[]) => {
  const first = messages.findIndex(({ role }) => role !== 'system');
  const split = first < 0 ? messages.length : first;
  const system = messages
    .slice(0, split)
    .flatMap(({ role, parts }): readonly TextPart[] => (role === 'system' ? parts : []));
  return { system, messages: messages.slice(split) };
};

/** Reads a conversation. A field without a counterpart in other dialects is a problem that names it. */
export const read = (body: JsonObject): Checked<ChatCall> => {
  const problems: Problem[] = [];
  const complain: Complain = (problem) => problems.push(problem);
  onlyKnown(body, '', fields, complain);
  const options = objectAt(body, 'stream_options') ?? {};
  const knownOptions = { read: ['include_usage'], hints: ['include_obfuscation'] };
  onlyKnown(options, 'stream_options', knownOptions, complain);
  const parallel = body['parallel_tool_calls'];
  const call: ChatCall = {
    ...splitSystem(readMessages(body['messages'], complain)),
    tools: readTools(body, complain),
    toolChoice: readToolChoice(body, complain),
    parallelToolCalls: typeof parallel === 'boolean' ? parallel : null,
    maxTokens: numberAt(body, 'max_completion_tokens') ?? numberAt(body, 'max_tokens'),
    temperature: numberAt(body, 'temperature'),
    topP: numberAt(body, 'top_p'),
    topK: null,
    stop: textsIn(body['stop'], 'stop', complain),
    effort: readEffort(body, complain),
    answerSchema: readSchema(body, complain),
    user: textAt(body, 'safety_identifier') ?? textAt(body, 'user'),
    stream: body['stream'] === true,
  };
  const [problem] = problems;
  return problem === undefined ? { kind: 'ok', value: call } : { kind: 'bad', problem };
};
