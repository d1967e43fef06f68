import {
  efforts,
  type ChatCall,
  type Effort,
  type Message,
  type TextPart,
  type Tool,
  type ToolChoice,
} from '../../model/chat.ts';
import { isObject, numberAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
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
import { readMessages } from './messages-in.ts';

// The whole of a chat completion request, for a provider of another dialect:
// https://platform.openai.com/docs/api-reference/chat/create

/** The fields of a request, as another dialect can have them; `docs/providers.md` lists them. */
export const fields = {
  // oxfmt-ignore
  read: [
    'model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'stop', 'tools',
    'tool_choice', 'parallel_tool_calls', 'user', 'safety_identifier', 'reasoning_effort', 'response_format',
  ],
  // oxfmt-ignore
  steering: [
    'metadata', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'service_tier', 'store',
  ],
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
} as const satisfies Known;

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

const readEffort = (body: JsonObject, complain: Complain): ChatCall['effort'] => {
  const effort = body['reasoning_effort'];
  if (effort === undefined || effort === null) return null;
  if (isEffort(effort)) return { value: effort, field: 'reasoning_effort' };
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

const readUser = (body: JsonObject): ChatCall['user'] => {
  for (const field of ['safety_identifier', 'user']) {
    const value = textAt(body, field);
    if (value !== null) return { value, field };
  }
  return null;
};

/** Reads a conversation. A field without a counterpart in other dialects is left out or a problem; either names it. */
export const read = (body: JsonObject): Translated<ChatCall> => {
  const { complain, problem, dropped } = startFindings();
  onlyKnown(body, '', fields, complain);
  const options = objectAt(body, 'stream_options') ?? {};
  const knownOptions = { read: ['include_usage'], steering: ['include_obfuscation'] };
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
    thinkingTokens: null,
    answerSchema: readSchema(body, complain),
    user: readUser(body),
    stream: body['stream'] === true,
  };
  const bad = problem();
  return bad === null
    ? { kind: 'ok', value: call, dropped: dropped() }
    : { kind: 'bad', problem: bad };
};
