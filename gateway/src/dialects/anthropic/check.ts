import type { RequestParameters, Operation, Problem } from '../../model/call.ts';
import type { PriceDimension } from '../../contract/price-dimensions.ts';
import { isObject, listAt, numberAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Dimensions } from '../../model/usage.ts';
import type { Checked, Passing } from '../dialect.ts';
import {
  firstBroken,
  isCountOrZero,
  isList,
  isText,
  lookalike,
  maybeFlag,
  maybeNumber,
} from '../fields.ts';

/** Fields that we act on. */
const acted: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
]);

const noEmbeddings: Problem = {
  code: 'unsupported_operation',
  param: null,
  message: 'The Anthropic dialect has no embeddings; use /v1/embeddings.',
};

/** Tools that run at Anthropic and whose uses a reply does not count; the others run at the client, or are counted. */
const uncounted = /^(code_execution|advisor)_/;

/** What the request names that may change its price. */
const dimensionsOf = (body: JsonObject): Dimensions => {
  const said: Partial<Record<PriceDimension, string>> = {};
  for (const name of ['service_tier', 'speed', 'inference_geo'] as const) {
    const value = textAt(body, name);
    if (value !== null && value !== '') said[name] = value;
  }
  for (const tool of listAt(body, 'tools')) {
    const type = isObject(tool) ? (textAt(tool, 'type') ?? '') : '';
    if (uncounted.test(type)) said.server_tools = type.slice(0, 100);
  }
  return said;
};

/** Checks the fields we act on of a message request, and takes them out. Nothing is coerced. */
export const check = (body: JsonObject, operation: Operation): Checked<RequestParameters> => {
  if (operation === 'embeddings') return { kind: 'bad', problem: noEmbeddings };
  const broken = firstBroken([
    ['model', body['model'], isText, 'a non-empty string'],
    ['messages', body['messages'], isList, 'a non-empty array'],
    // 0 fills the prompt cache and answers nothing.
    ['max_tokens', body['max_tokens'], isCountOrZero, 'a whole number of at least 0'],
    ['stream', body['stream'], maybeFlag, 'true or false'],
    ['temperature', body['temperature'], maybeNumber, 'a number'],
    ['top_p', body['top_p'], maybeNumber, 'a number'],
  ]);
  const problem = broken ?? lookalike(body, acted);
  if (problem !== null) return { kind: 'bad', problem };
  const value: RequestParameters = {
    model: textAt(body, 'model') ?? '',
    stream: body['stream'] === true,
    // A stream of this dialect always reports its usage; nothing is ever withheld.
    wantsStreamUsage: true,
    maxTokens: numberAt(body, 'max_tokens'),
    choices: 1,
    temperature: numberAt(body, 'temperature'),
    topP: numberAt(body, 'top_p'),
    dimensions: dimensionsOf(body),
  };
  return { kind: 'ok', value };
};

/** The model's name at the provider, when it is another. */
export const edits: Passing['edits'] = ({ model, body }) =>
  body['model'] === model ? null : { set: { model } };
