import {
  roughTokens,
  startFake,
  wordsOf,
  type Answer,
  type Fake,
  type FakeOptions,
  type Grammar,
  type Part,
  type Script,
} from './faults.ts';
import { strictOpenai } from './strict.ts';

// A fake of OpenAI's chat completions and embeddings, written from its documentation, without the gateway's code:
// https://platform.openai.com/docs/api-reference/chat

type Body = Record<string, unknown>;

const created = 1_760_000_000;

const errorTypes = new Map([
  [400, 'invalid_request_error'],
  [401, 'invalid_request_error'],
  [403, 'invalid_request_error'],
  [404, 'invalid_request_error'],
  [429, 'requests'],
]);

const errorBody = (status: number): string =>
  JSON.stringify({
    error: {
      message: `The fake was told to answer ${status}.`,
      type: errorTypes.get(status) ?? 'server_error',
      param: null,
      code: status === 401 ? 'invalid_api_key' : null,
    },
  });

const sse = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`;

const defaultUsage = (body: Body, words: number): Body => {
  const prompt = roughTokens(body['messages'] ?? body['input']);
  return {
    prompt_tokens: prompt,
    completion_tokens: words,
    total_tokens: prompt + words,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
};

/** The real one answers with the name of the snapshot: https://platform.openai.com/docs/models/gpt-4o-mini */
const snapshots: ReadonlyMap<unknown, string> = new Map([
  ['gpt-4o-mini', 'gpt-4o-mini-2024-07-18'],
  ['gpt-5', 'gpt-5-2025-08-07'],
]);

interface Plan {
  readonly id: string;
  readonly model: unknown;
  readonly words: readonly string[];
  readonly finish: string;
  readonly usage: Body | null;
  readonly script: Script;
}

const planOf = (body: Body, script: Script, serial: number): Plan => {
  const silent = script.tools !== undefined || script.refusal !== undefined;
  const words = silent && script.say === undefined ? [] : wordsOf(script);
  const extra = (script.tools?.length ?? 0) * 10 + (script.refusal === undefined ? 0 : 5);
  return {
    id: `chatcmpl-fake-${serial}`,
    model: snapshots.get(body['model']) ?? body['model'],
    words,
    finish: script.finish ?? (script.tools === undefined ? 'stop' : 'tool_calls'),
    usage: script.usage === undefined ? defaultUsage(body, words.length + extra) : script.usage,
    script,
  };
};

const toolCalls = ({ id, script }: Plan) =>
  (script.tools ?? []).map((tool, index) => ({
    index,
    id: `call_${id}_${index}`,
    type: 'function',
    function: { name: tool.name, arguments: JSON.stringify(tool.arguments) },
  }));

/** Arguments in two halves, as the real one cuts them anywhere. */
const toolDeltas = (plan: Plan): readonly Body[] =>
  toolCalls(plan).flatMap(({ index, id, type, function: { name, arguments: text } }) => {
    const half = Math.ceil(text.length / 2);
    return [
      { tool_calls: [{ index, id, type, function: { name, arguments: '' } }] },
      { tool_calls: [{ index, function: { arguments: text.slice(0, half) } }] },
      { tool_calls: [{ index, function: { arguments: text.slice(half) } }] },
    ];
  });

const streamParts = (plan: Plan, wantsUsage: boolean): readonly Part[] => {
  const { id, model, words, script, finish, usage } = plan;
  const event = (choices: readonly unknown[], more: object = {}) =>
    sse({
      id,
      object: 'chat.completion.chunk',
      created,
      model,
      ...(script.serviceTier === undefined ? {} : { service_tier: script.serviceTier }),
      system_fingerprint: 'fp_fake',
      choices,
      ...(wantsUsage ? { usage: null } : {}),
      ...more,
    });
  const delta = (said: object, finish_reason: string | null = null) =>
    event([{ index: 0, delta: said, logprobs: null, finish_reason }]);
  const parts: Part[] = [{ bytes: delta({ role: 'assistant', content: '', refusal: null }) }];
  if (script.reasoning !== undefined) {
    parts.push({ bytes: delta({ reasoning_content: script.reasoning }) });
  }
  if (script.refusal !== undefined) parts.push({ bytes: delta({ refusal: script.refusal }) });
  parts.push(...words.map((word) => ({ bytes: delta({ content: word }), text: word })));
  parts.push(...toolDeltas(plan).map((said) => ({ bytes: delta(said) })));
  parts.push({ bytes: delta({}, finish), isStop: true });
  if (wantsUsage && usage !== null) parts.push({ bytes: event([], { usage }), isUsage: true });
  parts.push({ bytes: 'data: [DONE]\n\n' });
  return parts;
};

const wholeParts = (plan: Plan): readonly Part[] => {
  const { id, model, words, script, finish, usage } = plan;
  const calls = toolCalls(plan).map(({ id, type, function: named }) => ({
    id,
    type,
    function: named,
  }));
  const text = words.join('');
  const message = {
    role: 'assistant',
    content: words.length === 0 ? null : text,
    refusal: script.refusal ?? null,
    ...(script.reasoning === undefined ? {} : { reasoning_content: script.reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  const body = {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
    ...(usage === null ? {} : { usage }),
    service_tier: script.serviceTier ?? 'default',
    system_fingerprint: 'fp_fake',
  };
  return [{ bytes: JSON.stringify(body, null, 2), text, isUsage: usage !== null }];
};

const embeddings = (body: Body, script: Script, serial: number): Answer => {
  const inputs = Array.isArray(body['input']) ? body['input'] : [body['input']];
  const tokens = roughTokens(body['input']);
  const usage =
    script.usage === undefined ? { prompt_tokens: tokens, total_tokens: tokens } : script.usage;
  const data = inputs.map((_, index) => ({
    object: 'embedding',
    index,
    embedding: [0.1, -0.2, 0.3 + index],
  }));
  const reply = {
    object: 'list',
    data,
    model: body['model'],
    ...(usage === null ? {} : { usage }),
  };
  const parts = [{ bytes: JSON.stringify(reply), isUsage: true }];
  return { id: `emb-${serial}`, status: 200, headers: {}, parts, usage };
};

const wantsUsage = (body: Body): boolean => {
  const options = body['stream_options'];
  return (
    typeof options === 'object' &&
    options !== null &&
    'include_usage' in options &&
    options.include_usage === true
  );
};

const grammar: Grammar = {
  requestIdHeader: 'x-request-id',
  answer(body, path, script, serial) {
    if (path.endsWith('/embeddings')) return embeddings(body, script, serial);
    if (!path.endsWith('/chat/completions')) return null;
    const plan = planOf(body, script, serial);
    const isStream = body['stream'] === true;
    return {
      id: plan.id,
      status: 200,
      headers: isStream ? { 'content-type': 'text/event-stream; charset=utf-8' } : {},
      parts: isStream ? streamParts(plan, wantsUsage(body)) : wholeParts(plan),
      usage: plan.usage,
    };
  },
  error: (status) => ({ parts: [{ bytes: errorBody(status) }] }),
  errorEvent: () =>
    sse({
      error: {
        message: 'The fake failed mid-stream.',
        type: 'server_error',
        param: null,
        code: null,
      },
    }),
};

/** Starts a fake OpenAI. What it says and how it fails is chosen by `script`, by a user message, or by `set`. */
export const startOpenai = (
  options: FakeOptions & { readonly strict?: boolean } = {},
): Promise<Fake> =>
  startFake(options.strict === true ? { ...grammar, refuses: strictOpenai } : grammar, options);
