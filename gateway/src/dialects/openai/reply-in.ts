import type { Operation } from '../../model/call.ts';
import { unreadable, type Delta, type StopReason } from '../../model/delta.ts';
import {
  isObject,
  listAt,
  numberAt,
  objectAt,
  parseObject,
  textAt,
  type Json,
  type JsonObject,
} from '../../model/json.ts';
import type { SseEvent, StreamReader } from '../dialect.ts';
import { carriesSomething } from '../content.ts';
import { readErrorObject } from '../errors.ts';
import { readUsage } from './usage.ts';

// A provider's chat completion, streamed or whole, as deltas:
// https://platform.openai.com/docs/api-reference/chat-streaming/streaming
// Only the fields we act on are read; all others are passed over, so that a vendor may add to the protocol.

const stopReasons: ReadonlyMap<string, StopReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['content_filter', 'content_filter'],
]);

const stopped = (raw: string): Delta => ({
  kind: 'stopped',
  reason: stopReasons.get(raw) ?? 'other',
  raw,
  stopSequence: null,
});

const failedWith = (error: JsonObject): Delta => ({
  kind: 'failed',
  by: 'theirs',
  ...readErrorObject(error),
});

/** An error in the place of a reply, or in a choice of it (OpenRouter): https://openrouter.ai/docs/api-reference/errors */
const failed = (body: JsonObject): Delta | null => {
  const error = body['error'];
  if (error !== undefined && error !== null) {
    return failedWith(isObject(error) ? error : { message: error });
  }
  for (const choice of listAt(body, 'choices').filter(isObject)) {
    const inside = objectAt(choice, 'error');
    if (inside !== null) return failedWith(inside);
    if (textAt(choice, 'finish_reason') === 'error') return failedWith({ type: 'error' });
  }
  return null;
};

/**
 * An error in a stream may also be an event of that name, an object that says so (`object: "error"`, vLLM) or mere words in
 * the place of choices (`detail`, FastAPI).
 */
const failedEvent = (body: JsonObject, event: string | null): Delta | null => {
  const words = textAt(body, 'message') ?? textAt(body, 'detail');
  const isError =
    event === 'error' ||
    textAt(body, 'object') === 'error' ||
    (words !== null && !Array.isArray(body['choices']));
  return failed(body) ?? (isError ? failedWith({ ...body, message: words ?? '' }) : null);
};

/** A vendor's list form of `content` (Mistral): text parts are text, thinking parts are reasoning. */
const partDeltas = (part: Json): readonly Delta[] => {
  if (!isObject(part)) return [];
  const text = textAt(part, 'text');
  if (text !== null) return [{ kind: 'text', text }];
  return listAt(part, 'thinking').flatMap((inner) =>
    partDeltas(inner).map((delta) =>
      delta.kind === 'text' ? { kind: 'reasoning', text: delta.text } : delta,
    ),
  );
};

/** Text of a message or of a stream's delta: both have the same fields. Empty texts say nothing. */
const textDeltas = (message: JsonObject): readonly Delta[] => {
  const deltas: Delta[] = [];
  const reasoning = textAt(message, 'reasoning_content') ?? textAt(message, 'reasoning');
  if (reasoning !== null) deltas.push({ kind: 'reasoning', text: reasoning });
  const text = textAt(message, 'content');
  if (text !== null) deltas.push({ kind: 'text', text });
  deltas.push(...listAt(message, 'content').flatMap(partDeltas));
  const transcript = textAt(objectAt(message, 'audio') ?? {}, 'transcript');
  if (transcript !== null) deltas.push({ kind: 'text', text: transcript });
  const refusal = textAt(message, 'refusal');
  if (refusal !== null) deltas.push({ kind: 'refusal', text: refusal });
  return deltas.filter((delta) => !('text' in delta) || delta.text !== '');
};

interface ToolSlot {
  readonly index: number;
  readonly id: string;
}

/**
 * Numbers the tool calls of a reply in the order in which they begin. Vendors repeat id and name in each event, leave
 * the index out, or give one index to several calls; a new id begins a new call.
 */
const toolReader = () => {
  const slots = new Map<string, ToolSlot>();
  let begun = 0;
  return (choice: number, call: JsonObject, position: number): readonly Delta[] => {
    const key = `${choice}/${numberAt(call, 'index') ?? position}`;
    const detail = objectAt(call, 'function') ?? objectAt(call, 'custom') ?? {};
    const id = textAt(call, 'id') ?? '';
    const name = textAt(detail, 'name') ?? '';
    const deltas: Delta[] = [];
    let slot = slots.get(key);
    if (slot === undefined || (id !== '' && slot.id !== id && name !== '')) {
      slot = { index: begun, id: id === '' ? `call_${begun}` : id };
      begun += 1;
      slots.set(key, slot);
      deltas.push({ kind: 'tool_started', index: slot.index, id: slot.id, name });
    }
    const text = textAt(detail, 'arguments') ?? textAt(detail, 'input') ?? '';
    if (text !== '') deltas.push({ kind: 'tool_arguments', index: slot.index, text });
    return deltas;
  };
};

/** The tool calls of a message or delta, the older single `function_call` among them. */
const toolDeltas = (
  message: JsonObject,
  choice: number,
  readTool: ReturnType<typeof toolReader>,
): readonly Delta[] => {
  const calls = listAt(message, 'tool_calls').flatMap((call, position) =>
    isObject(call) ? readTool(choice, call, position) : [],
  );
  const older = objectAt(message, 'function_call');
  return older === null ? calls : [...calls, ...readTool(choice, { function: older }, 0)];
};

const usageDelta = (
  body: JsonObject,
  serviceTier: string | null,
  final: boolean,
): readonly Delta[] => {
  // Groq also reports usage under a name of its own, when it was not asked to.
  const counts = objectAt(body, 'usage') ?? objectAt(objectAt(body, 'x_groq') ?? {}, 'usage');
  const usage = counts === null ? null : readUsage(counts, serviceTier);
  return usage === null ? [] : [{ kind: 'usage', usage, final }];
};

/** The choices of a stream: what they say, which have begun and which have stopped. */
const startChoices = () => {
  const readTool = toolReader();
  const begun = new Set<number>();
  const stoppedOnes = new Set<number>();
  return {
    read(choice: Json, position: number): readonly Delta[] {
      if (!isObject(choice)) return [];
      const index = numberAt(choice, 'index') ?? position;
      begun.add(index);
      const message = objectAt(choice, 'delta') ?? objectAt(choice, 'message') ?? {};
      const deltas = [...textDeltas(message), ...toolDeltas(message, index, readTool)];
      if (deltas.length === 0 && carriesSomething(message, ['role'])) {
        deltas.push({ kind: 'other_content' });
      }
      const raw = textAt(choice, 'finish_reason');
      if (raw !== null && raw !== '' && !stoppedOnes.has(index)) {
        stoppedOnes.add(index);
        deltas.push(stopped(raw));
      }
      return deltas;
    },
    someStopped: () => stoppedOnes.size > 0,
    allStopped: () => stoppedOnes.size > 0 && stoppedOnes.size === begun.size,
  };
};

/**
 * Reads a stream event by event. Text of all choices counts (`n` may be larger than 1), each choice stops once, and a
 * usage object is final when it comes alone, after a stop or beside an error. After `[DONE]` or an error nothing else is read.
 */
export const streamReader = (): StreamReader => {
  const choices = startChoices();
  let opened = false;
  let over = false;
  let serviceTier: string | null = null;

  const readBody = (body: JsonObject, event: string | null): readonly Delta[] => {
    const deltas: Delta[] = [];
    const id = textAt(body, 'id') ?? '';
    const some = listAt(body, 'choices');
    if (!opened && (id !== '' || some.length > 0)) {
      opened = true;
      deltas.push({ kind: 'opened', id, model: textAt(body, 'model') ?? '' });
    }
    serviceTier = textAt(body, 'service_tier') ?? serviceTier;
    const failure = failedEvent(body, event);
    if (failure !== null) {
      over = true;
      return [...deltas, ...usageDelta(body, serviceTier, true), failure];
    }
    deltas.push(...some.flatMap(choices.read));
    const final = some.length === 0 || choices.someStopped();
    return [...deltas, ...usageDelta(body, serviceTier, final)];
  };

  return {
    read({ event, data }) {
      if (over || data === '') return [];
      if (data === '[DONE]') {
        over = true;
        return [{ kind: 'ended' }];
      }
      const body = parseObject(data);
      if (body !== null) return readBody(body, event);
      over = true;
      return [notJson];
    },
    readBehind({ data }) {
      const body = parseObject(data);
      return body === null ? [] : usageDelta(body, serviceTier, true);
    },
    hasStopped: choices.allStopped,
  };
};

const notJson = unreadable(
  'invalid_event',
  'The provider sent a stream event that is no JSON object.',
);

/** Reads a whole reply. Null: it is neither a chat completion, nor a list of embeddings, nor an error. */
export const readReply = (body: JsonObject, operation: Operation): readonly Delta[] | null => {
  const serviceTier = textAt(body, 'service_tier');
  const usage = usageDelta(body, serviceTier, true);
  const failure = failed(body);
  if (failure !== null) return [...usage, failure];
  if (!Array.isArray(body[operation === 'chat' ? 'choices' : 'data'])) return null;
  const opened: Delta = {
    kind: 'opened',
    id: textAt(body, 'id') ?? '',
    model: textAt(body, 'model') ?? '',
  };
  const readTool = toolReader();
  const choices = operation === 'chat' ? listAt(body, 'choices').filter(isObject) : [];
  const contents = choices.flatMap((choice, index) => {
    const message = objectAt(choice, 'message') ?? {};
    return [...textDeltas(message), ...toolDeltas(message, index, readTool)];
  });
  const stops = choices.flatMap((choice) => {
    const raw = textAt(choice, 'finish_reason');
    return raw === null ? [] : [stopped(raw)];
  });
  return [opened, ...contents, ...usage, ...stops, { kind: 'ended' }];
};

/** True for the closing event that holds usage and no choices: the one OpenAI sends only when asked. */
export const isExtraUsage = ({ data }: SseEvent): boolean => {
  // Cheap refusals first: this runs for each event of a stream.
  if (!data.includes('"usage"') || !/"choices"\s*:\s*\[\s*\]/.test(data)) return false;
  const body = parseObject(data);
  return body !== null && listAt(body, 'choices').length === 0 && objectAt(body, 'usage') !== null;
};
