import type { AssistantPart, ImageSource, Message, TextPart, UserPart } from '../../model/chat.ts';
import { objectAt, parseObject, textAt, type Json, type JsonObject } from '../../model/json.ts';
import {
  invalid,
  objectsIn,
  onlyKnown,
  textIn,
  untranslatable,
  type Complain,
  type Known,
} from '../fields.ts';

const text = (said: string): TextPart => ({ kind: 'text', text: said, cache: null });

/** Where a prompt may be cached is a matter of price; all else of a part must be known. */
const partFields = (read: string): Known => ({
  read: ['type', read, 'cache_control'],
  steering: ['prompt_cache_breakpoint'],
});

/** What routers for several vendors take on a part of a message, in Anthropic's form (OpenRouter, LiteLLM). */
const cacheOf = (item: JsonObject): TextPart['cache'] => {
  const control = objectAt(item, 'cache_control');
  if (control === null) return null;
  return textAt(control, 'ttl') === '1h' ? '1h' : '5m';
};

/** Content that may hold text only: a string, or a list of text (and of an assistant's refusals). */
const readTexts = (
  content: Json | undefined,
  path: string,
  complain: Complain,
): readonly TextPart[] => {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [text(content)];
  return objectsIn(content, path, complain).flatMap(({ item, path: at }) => {
    const type = textAt(item, 'type');
    if (type !== 'text' && type !== 'refusal') {
      complain(untranslatable(`${at}.type`));
      return [];
    }
    onlyKnown(item, at, partFields(type), complain);
    return [{ ...text(textIn(item, type, at, complain)), cache: cacheOf(item) }];
  });
};

const dataUrl = /^data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/=\s]*)$/;

const readImage = (item: JsonObject, path: string, complain: Complain): ImageSource => {
  const image = objectAt(item, 'image_url') ?? {};
  const at = `${path}.image_url`;
  onlyKnown(
    image,
    at,
    { read: ['url'], steering: ['detail'], neutral: { detail: ['auto'] } },
    complain,
  );
  const url = textIn(image, 'url', at, complain);
  const [, mediaType, data] = dataUrl.exec(url) ?? [];
  if (mediaType !== undefined && data !== undefined) return { kind: 'base64', mediaType, data };
  if (!/^https?:\/\//.test(url)) {
    complain(invalid(`${at}.url`, url, 'an http(s) address or a base64 data URL'));
  }
  return { kind: 'url', url };
};

const readUserParts = (
  content: Json | undefined,
  path: string,
  complain: Complain,
): readonly UserPart[] => {
  if (typeof content === 'string') return [text(content)];
  return objectsIn(content, path, complain).flatMap(({ item, path: at }): readonly UserPart[] => {
    const type = textAt(item, 'type');
    if (type !== 'text' && type !== 'image_url') {
      complain(untranslatable(`${at}.type`));
      return [];
    }
    onlyKnown(item, at, partFields(type), complain);
    if (type === 'text') {
      return [{ ...text(textIn(item, 'text', at, complain)), cache: cacheOf(item) }];
    }
    return [{ kind: 'image', source: readImage(item, at, complain) }];
  });
};

const readToolCall = (
  { item, path }: { readonly item: JsonObject; readonly path: string },
  complain: Complain,
): readonly AssistantPart[] => {
  const named = objectAt(item, 'function');
  if (named === null) {
    complain(untranslatable(`${path}.type`));
    return [];
  }
  const id = textIn(item, 'id', path, complain);
  const name = textIn(named, 'name', `${path}.function`, complain);
  const written = textIn(named, 'arguments', `${path}.function`, complain);
  const input = written.trim() === '' ? {} : parseObject(written);
  if (input === null) {
    complain(invalid(`${path}.function.arguments`, written, 'the text of a JSON object'));
  }
  return [{ kind: 'tool_call', id, name, input: input ?? {} }];
};

const readAssistant = (item: JsonObject, path: string, complain: Complain): Message => {
  const known = { read: ['role', 'content', 'refusal', 'reasoning_content', 'tool_calls'] };
  // Lists of annotations come back from replies; they say nothing that is not in the text.
  const neutral = { annotations: [[]], prefix: [false] };
  onlyKnown(item, path, { ...known, neutral }, complain);
  const reasoning = textAt(item, 'reasoning_content') ?? '';
  const refusal = textAt(item, 'refusal') ?? '';
  const parts: AssistantPart[] = [];
  if (reasoning !== '') parts.push({ kind: 'reasoning', text: reasoning, signature: null });
  parts.push(...readTexts(item['content'], `${path}.content`, complain));
  if (refusal !== '') parts.push(text(refusal));
  const calls = objectsIn(item['tool_calls'], `${path}.tool_calls`, complain);
  parts.push(...calls.flatMap((call) => readToolCall(call, complain)));
  return { role: 'assistant', parts };
};

const readTool = (item: JsonObject, path: string, complain: Complain): Message => {
  onlyKnown(item, path, { read: ['role', 'content', 'tool_call_id'] }, complain);
  const id = textIn(item, 'tool_call_id', path, complain);
  const parts = readTexts(item['content'], `${path}.content`, complain);
  return { role: 'user', parts: [{ kind: 'tool_result', id, parts, isError: false }] };
};

const readMessage = (item: JsonObject, path: string, complain: Complain): readonly Message[] => {
  switch (textAt(item, 'role') ?? '') {
    case 'system':
    case 'developer':
      onlyKnown(item, path, { read: ['role', 'content'] }, complain);
      return [{ role: 'system', parts: readTexts(item['content'], `${path}.content`, complain) }];
    case 'user':
      onlyKnown(item, path, { read: ['role', 'content'] }, complain);
      return [{ role: 'user', parts: readUserParts(item['content'], `${path}.content`, complain) }];
    case 'assistant':
      return [readAssistant(item, path, complain)];
    case 'tool':
      return [readTool(item, path, complain)];
    default:
      complain(untranslatable(`${path}.role`));
      return [];
  }
};

/** The messages of a request: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages */
export const readMessages = (value: Json | undefined, complain: Complain): readonly Message[] =>
  objectsIn(value, 'messages', complain).flatMap(({ item, path }) =>
    readMessage(item, path, complain),
  );
