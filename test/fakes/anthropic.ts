import {
  roughTokens,
  startFake,
  wordsOf,
  type Fake,
  type FakeOptions,
  type Grammar,
  type Part,
  type Script,
} from './faults.ts';
import { strictAnthropic } from './strict.ts';

// A fake of Anthropic's messages, written from its documentation, without the gateway's code:
// https://docs.anthropic.com/en/docs/build-with-claude/streaming

type Body = Record<string, unknown>;

const errorTypes = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [529, 'overloaded_error'],
]);

const sse = (body: Body): string =>
  `event: ${String(body['type'])}\ndata: ${JSON.stringify(body)}\n\n`;

interface Plan {
  readonly id: string;
  readonly model: unknown;
  readonly blocks: readonly Block[];
  readonly finish: string;
  readonly usage: Body | null;
}

type Block =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'text'; readonly words: readonly string[] }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: unknown;
    };

const defaultUsage = (body: Body, words: number): Body => ({
  input_tokens: roughTokens(body['messages']),
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: Math.max(1, words),
  service_tier: 'standard',
});

const planOf = (body: Body, script: Script, serial: number): Plan => {
  const id = `msg_fake_${serial}`;
  const blocks: Block[] = [];
  if (script.reasoning !== undefined) {
    blocks.push({ type: 'thinking', thinking: script.reasoning, signature: `sig_${serial}` });
  }
  const words =
    script.tools !== undefined && script.say === undefined
      ? []
      : wordsOf(script.refusal === undefined ? script : { ...script, say: script.refusal });
  if (words.length > 0) blocks.push({ type: 'text', words });
  for (const [index, { name, arguments: input }] of (script.tools ?? []).entries()) {
    blocks.push({ type: 'tool_use', id: `toolu_${serial}_${index}`, name, input });
  }
  const natural = script.refusal === undefined ? 'end_turn' : 'refusal';
  return {
    id,
    // As the real one does with an alias: https://docs.anthropic.com/en/docs/about-claude/models/overview
    model: body['model'] === 'claude-sonnet-4-5' ? 'claude-sonnet-4-5-20250929' : body['model'],
    blocks,
    finish: script.finish ?? (script.tools === undefined ? natural : 'tool_use'),
    usage: script.usage === undefined ? defaultUsage(body, words.length) : script.usage,
  };
};

const blockParts = (block: Block, index: number): readonly Part[] => {
  const start = (content_block: Body) => ({
    bytes: sse({ type: 'content_block_start', index, content_block }),
  });
  const delta = (said: Body, text = '') => ({
    bytes: sse({ type: 'content_block_delta', index, delta: said }),
    text,
  });
  const stop = { bytes: sse({ type: 'content_block_stop', index }) };
  switch (block.type) {
    case 'thinking':
      return [
        start({ type: 'thinking', thinking: '', signature: '' }),
        delta({ type: 'thinking_delta', thinking: block.thinking }),
        delta({ type: 'signature_delta', signature: block.signature }),
        stop,
      ];
    case 'text':
      return [
        start({ type: 'text', text: '' }),
        ...block.words.map((word) => delta({ type: 'text_delta', text: word }, word)),
        stop,
      ];
    case 'tool_use': {
      const text = JSON.stringify(block.input);
      const half = Math.ceil(text.length / 2);
      return [
        start({ type: 'tool_use', id: block.id, name: block.name, input: {} }),
        delta({ type: 'input_json_delta', partial_json: '' }),
        // A tool without arguments gets no more than this.
        ...(text === '{}' ? [] : [text.slice(0, half), text.slice(half)]).map((partial_json) =>
          delta({ type: 'input_json_delta', partial_json }),
        ),
        stop,
      ];
    }
  }
};

const messageOf = ({ id, model }: Plan, more: object): Body => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  ...more,
});

const streamParts = (plan: Plan): readonly Part[] => {
  const { usage } = plan;
  const first = usage === null ? {} : { usage: { ...usage, output_tokens: 1 } };
  const start = messageOf(plan, {
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...first,
  });
  const last = usage === null ? {} : { usage: { output_tokens: usage['output_tokens'] } };
  return [
    { bytes: sse({ type: 'message_start', message: start }) },
    { bytes: sse({ type: 'ping' }) },
    ...plan.blocks.flatMap(blockParts),
    {
      bytes: sse({
        type: 'message_delta',
        delta: { stop_reason: plan.finish, stop_sequence: null },
        ...last,
      }),
      isUsage: usage !== null,
      isStop: true,
    },
    { bytes: sse({ type: 'message_stop' }) },
  ];
};

const wholeParts = (plan: Plan): readonly Part[] => {
  const content = plan.blocks.map((block) =>
    block.type === 'text' ? { type: 'text', text: block.words.join('') } : block,
  );
  const body = messageOf(plan, {
    content,
    stop_reason: plan.finish,
    stop_sequence: null,
    ...(plan.usage === null ? {} : { usage: plan.usage }),
  });
  const text = plan.blocks.flatMap((block) => (block.type === 'text' ? block.words : [])).join('');
  return [{ bytes: JSON.stringify(body), text, isUsage: plan.usage !== null }];
};

const error = (type: string, message: string): Body => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_fake',
});

const grammar: Grammar = {
  requestIdHeader: 'request-id',
  answer(body, path, script, serial) {
    if (!path.endsWith('/v1/messages')) return null;
    const plan = planOf(body, script, serial);
    const isStream = body['stream'] === true;
    return {
      id: plan.id,
      status: 200,
      headers: isStream ? { 'content-type': 'text/event-stream; charset=utf-8' } : {},
      parts: isStream ? streamParts(plan) : wholeParts(plan),
      usage: plan.usage,
    };
  },
  error: (status) => ({
    parts: [
      {
        bytes: JSON.stringify(
          error(errorTypes.get(status) ?? 'api_error', `The fake was told to answer ${status}.`),
        ),
      },
    ],
  }),
  errorEvent: () => sse(error('overloaded_error', 'The fake failed mid-stream.')),
};

/** Starts a fake Anthropic. What it says and how it fails is chosen by `script`, by a user message, or by `set`. */
export const startAnthropic = (
  options: FakeOptions & { readonly strict?: boolean } = {},
): Promise<Fake> =>
  startFake(options.strict === true ? { ...grammar, refuses: strictAnthropic } : grammar, options);
