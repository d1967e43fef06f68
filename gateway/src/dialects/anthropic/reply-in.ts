import type { Operation } from '../../model/call.ts';
import { unreadable, type Delta, type StopReason } from '../../model/delta.ts';
import {
  isObject,
  listAt,
  numberAt,
  objectAt,
  parseObject,
  textAt,
  type JsonObject,
} from '../../model/json.ts';
import type { StreamReader } from '../dialect.ts';
import { carriesSomething } from '../content.ts';
import { readErrorObject } from '../errors.ts';
import { readUsage } from './usage.ts';

// A provider's message, streamed or whole, as deltas: https://docs.anthropic.com/en/docs/build-with-claude/streaming
// Blocks that we do not act on (server tools, citations) are content of no further meaning; other events are passed over.

const stopReasons: ReadonlyMap<string, StopReason> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'refusal'],
  ['pause_turn', 'pause'],
]);

const stopped = (from: JsonObject): readonly Delta[] => {
  const raw = textAt(from, 'stop_reason');
  if (raw === null) return [];
  const reason = stopReasons.get(raw) ?? 'other';
  return [{ kind: 'stopped', reason, raw, stopSequence: textAt(from, 'stop_sequence') }];
};

const failed = (body: JsonObject): Delta => ({
  kind: 'failed',
  by: 'theirs',
  ...readErrorObject(objectAt(body, 'error') ?? {}),
});

const notJson = unreadable(
  'invalid_event',
  'The provider sent a stream event that is no JSON object.',
);

/** Text under a key as a delta; none when it is empty. */
const textDelta = (kind: 'text' | 'reasoning', from: JsonObject, key: string): readonly Delta[] => {
  const text = textAt(from, key) ?? '';
  return text === '' ? [] : [{ kind, text }];
};

const signatureDelta = (from: JsonObject): readonly Delta[] => {
  const signature = textAt(from, 'signature') ?? '';
  return signature === '' ? [] : [{ kind: 'reasoning_signature', signature }];
};

/** What has no meaning of its own here, and is content all the same. */
const otherContent = (from: JsonObject, beside: readonly string[]): readonly Delta[] =>
  carriesSomething(from, beside) ? [{ kind: 'other_content' }] : [];

/** What a content block holds at its start (empty in a stream, whole in a reply). Tool input is the caller's. */
const blockDeltas = (block: JsonObject, tool: number): readonly Delta[] => {
  switch (textAt(block, 'type') ?? '') {
    case 'text':
      return textDelta('text', block, 'text');
    case 'thinking':
      return [...textDelta('reasoning', block, 'thinking'), ...signatureDelta(block)];
    case 'tool_use': {
      const id = textAt(block, 'id') ?? '';
      return [{ kind: 'tool_started', index: tool, id, name: textAt(block, 'name') ?? '' }];
    }
    default:
      return otherContent(block, ['type']);
  }
};

/** Reads a stream event by event. Usage is cumulative: the input comes first, the last word in `message_delta`. */
export const streamReader = (): StreamReader => {
  const tools = new Map<number, number>();
  let usage: JsonObject = {};
  let over = false;
  let hasStopped = false;

  const usageDelta = (more: JsonObject | null, final: boolean): readonly Delta[] => {
    if (more === null) return [];
    // A null count of the second object does not take back one of the first.
    const said = Object.entries(more).filter(([, value]) => value !== null);
    usage = { ...usage, ...Object.fromEntries(said) };
    const read = readUsage(usage);
    return read === null ? [] : [{ kind: 'usage', usage: read, final }];
  };

  const blockStart = (body: JsonObject): readonly Delta[] => {
    const block = objectAt(body, 'content_block') ?? {};
    const isTool = textAt(block, 'type') === 'tool_use';
    if (isTool) tools.set(numberAt(body, 'index') ?? -1, tools.size);
    return blockDeltas(block, tools.size - 1);
  };

  const blockDelta = (body: JsonObject): readonly Delta[] => {
    const delta = objectAt(body, 'delta') ?? {};
    switch (textAt(delta, 'type') ?? '') {
      case 'text_delta':
        return textDelta('text', delta, 'text');
      case 'thinking_delta':
        return textDelta('reasoning', delta, 'thinking');
      case 'signature_delta':
        return signatureDelta(delta);
      case 'input_json_delta': {
        // Input of a server's own tool has the same form, and no tool of ours that began.
        const index = tools.get(numberAt(body, 'index') ?? -1);
        const text = textAt(delta, 'partial_json') ?? '';
        if (index === undefined) return otherContent(delta, ['type']);
        return text === '' ? [] : [{ kind: 'tool_arguments', index, text }];
      }
      default:
        return otherContent(delta, ['type']);
    }
  };

  const readBody = (body: JsonObject, event: string | null): readonly Delta[] => {
    // The official SDKs go by the name of the event, others by its body.
    switch (event === 'error' ? event : (textAt(body, 'type') ?? '')) {
      case 'message_start': {
        const message = objectAt(body, 'message') ?? {};
        const id = textAt(message, 'id') ?? '';
        const model = textAt(message, 'model') ?? '';
        return [{ kind: 'opened', id, model }, ...usageDelta(objectAt(message, 'usage'), false)];
      }
      case 'content_block_start':
        return blockStart(body);
      case 'content_block_delta':
        return blockDelta(body);
      case 'message_delta': {
        const stops = stopped(objectAt(body, 'delta') ?? {});
        hasStopped ||= stops.length > 0;
        return [...usageDelta(objectAt(body, 'usage'), true), ...stops];
      }
      case 'message_stop':
        over = true;
        return [{ kind: 'ended' }];
      case 'error':
        over = true;
        return [...usageDelta(objectAt(body, 'usage'), true), failed(body)];
      default:
        return [];
    }
  };

  return {
    read({ event, data }) {
      if (over || event === 'ping') return [];
      const body = parseObject(data);
      if (body !== null) return readBody(body, event);
      over = true;
      return [notJson];
    },
    readBehind: ({ data }) => usageDelta(objectAt(parseObject(data) ?? {}, 'usage'), true),
    hasStopped: () => hasStopped,
  };
};

/** Reads a whole reply. Null: it is neither a message nor an error. */
export const readReply = (body: JsonObject, operation: Operation): readonly Delta[] | null => {
  const counts = objectAt(body, 'usage');
  const said = counts === null ? null : readUsage(counts);
  const usage: readonly Delta[] =
    said === null ? [] : [{ kind: 'usage', usage: said, final: true }];
  if (textAt(body, 'type') === 'error') return [...usage, failed(body)];
  if (operation !== 'chat' || !Array.isArray(body['content'])) return null;
  let tools = 0;
  const contents = listAt(body, 'content')
    .filter(isObject)
    .flatMap((block): readonly Delta[] => {
      const deltas = blockDeltas(block, tools);
      if (textAt(block, 'type') !== 'tool_use') return deltas;
      const text = JSON.stringify(block['input'] ?? {});
      return [...deltas, { kind: 'tool_arguments', index: tools++, text }];
    });
  return [
    { kind: 'opened', id: textAt(body, 'id') ?? '', model: textAt(body, 'model') ?? '' },
    ...contents,
    ...usage,
    ...stopped(body),
    { kind: 'ended' },
  ];
};
