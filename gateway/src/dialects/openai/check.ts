import type { RequestParameters, Operation } from '../../model/call.ts';
import {
  isObject,
  numberAt,
  objectAt,
  textAt,
  type Json,
  type JsonObject,
} from '../../model/json.ts';
import type { Dimensions } from '../../model/usage.ts';
import type { Checked, Passing } from '../dialect.ts';
import {
  firstBroken,
  isList,
  isText,
  lookalike,
  maybeCount,
  maybeFlag,
  maybeNumber,
  type Rule,
} from '../fields.ts';

/** Fields that we act on, or that replace one of them. */
const acted: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'input',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'temperature',
  'top_p',
]);
const actedInside: ReadonlySet<string> = new Set(['include_usage']);

const chatRules = (body: JsonObject): readonly Rule[] => [
  ['model', body['model'], isText, 'a non-empty string'],
  ['messages', body['messages'], isList, 'a non-empty array'],
  ['stream', body['stream'], maybeFlag, 'true, false or null'],
  ['max_tokens', body['max_tokens'], maybeCount, 'a whole number of at least 1, or null'],
  [
    'max_completion_tokens',
    body['max_completion_tokens'],
    maybeCount,
    'a whole number of at least 1, or null',
  ],
  ['n', body['n'], maybeCount, 'a whole number of at least 1, or null'],
  ['temperature', body['temperature'], maybeNumber, 'a number or null'],
  ['top_p', body['top_p'], maybeNumber, 'a number or null'],
  [
    'stream_options',
    body['stream_options'],
    (value) => value === undefined || value === null || isObject(value),
    'an object or null',
  ],
  [
    'stream_options.include_usage',
    objectAt(body, 'stream_options')?.['include_usage'],
    maybeFlag,
    'true, false or null',
  ],
];

const embeddingRules = (body: JsonObject): readonly Rule[] => [
  ['model', body['model'], isText, 'a non-empty string'],
  [
    'input',
    body['input'],
    (value) => isText(value) || isList(value),
    'a non-empty string or a non-empty array',
  ],
];

/** What the request names that may change its price. */
const dimensionsOf = (body: JsonObject): Dimensions => {
  const tier = textAt(body, 'service_tier');
  return {
    ...(tier === null || tier === '' ? {} : { service_tier: tier }),
    ...(objectAt(body, 'web_search_options') === null ? {} : { web_search: 'asked' }),
  };
};

/** The new name goes before the old one; of both the larger, for vendors do not agree on which of them counts. */
const maxTokensOf = (body: JsonObject): number | null => {
  const given = [numberAt(body, 'max_completion_tokens'), numberAt(body, 'max_tokens')];
  const known = given.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
};

/** Checks the fields we act on of a chat completion or an embedding, and takes them out. Nothing is coerced. */
export const check = (body: JsonObject, operation: Operation): Checked<RequestParameters> => {
  const rules = operation === 'chat' ? chatRules(body) : embeddingRules(body);
  const problem =
    firstBroken(rules) ??
    lookalike(body, acted) ??
    lookalike(objectAt(body, 'stream_options'), actedInside, 'stream_options.');
  if (problem !== null) return { kind: 'bad', problem };
  const model = textAt(body, 'model') ?? '';
  if (operation === 'embeddings') return { kind: 'ok', value: { ...nothingElse, model } };
  const value: RequestParameters = {
    model,
    stream: body['stream'] === true,
    wantsStreamUsage: objectAt(body, 'stream_options')?.['include_usage'] === true,
    maxTokens: maxTokensOf(body),
    choices: numberAt(body, 'n') ?? 1,
    temperature: numberAt(body, 'temperature'),
    topP: numberAt(body, 'top_p'),
    dimensions: dimensionsOf(body),
  };
  return { kind: 'ok', value };
};

const nothingElse = {
  stream: false,
  wantsStreamUsage: false,
  maxTokens: null,
  choices: 1,
  temperature: null,
  topP: null,
  dimensions: {},
} as const;

/**
 * The model's name at the provider, and the usage event of a stream, which OpenAI sends only on request:
 * https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
 */
export const edits: Passing['edits'] = ({ parameters, model, body, operation, traits }) => {
  const fields: Record<string, Json> = {};
  if (body['model'] !== model) fields['model'] = model;
  const silent = operation === 'chat' && parameters.stream && !parameters.wantsStreamUsage;
  if (silent && !traits.usageUnasked) {
    fields['stream_options'] = { include_usage: true };
  }
  return Object.keys(fields).length > 0 ? { set: fields } : null;
};
