import type { AssistantPart, ImageSource, Message, TextPart, UserPart } from '../../model/chat.ts';
import { objectAt, textAt, type Json, type JsonObject } from '../../model/json.ts';
import { invalid, objectsIn, onlyKnown, textIn, untranslatable, type Complain } from '../fields.ts';

const readCache = (item: JsonObject): TextPart['cache'] => {
  const control = objectAt(item, 'cache_control');
  if (control === null) return null;
  return textAt(control, 'ttl') === '1h' ? '1h' : '5m';
};

const readText = (item: JsonObject, path: string, complain: Complain): TextPart => {
  const known = {
    read: ['type', 'text'],
    steering: ['cache_control'],
    neutral: { citations: [[]] },
  };
  onlyKnown(item, path, known, complain);
  return { kind: 'text', text: textIn(item, 'text', path, complain), cache: readCache(item) };
};

/** Content that may hold text only: a string, or a list of text blocks. */
export const readTexts = (
  content: Json | undefined,
  path: string,
  complain: Complain,
): readonly TextPart[] => {
  if (typeof content === 'string') {
    return content === '' ? [] : [{ kind: 'text', text: content, cache: null }];
  }
  return objectsIn(content, path, complain).flatMap(({ item, path: at }) => {
    if (textAt(item, 'type') === 'text') return [readText(item, at, complain)];
    complain(untranslatable(`${at}.type`));
    return [];
  });
};

const readImage = (item: JsonObject, path: string, complain: Complain): ImageSource => {
  onlyKnown(item, path, { read: ['type', 'source'], steering: ['cache_control'] }, complain);
  const source = objectAt(item, 'source') ?? {};
  const at = `${path}.source`;
  switch (textAt(source, 'type') ?? '') {
    case 'url':
      return { kind: 'url', url: textIn(source, 'url', at, complain) };
    case 'base64': {
      const mediaType = textIn(source, 'media_type', at, complain);
      return { kind: 'base64', mediaType, data: textIn(source, 'data', at, complain) };
    }
    default:
      complain(untranslatable(`${at}.type`));
      return { kind: 'url', url: '' };
  }
};

const readResult = (item: JsonObject, path: string, complain: Complain): UserPart => {
  const read = ['type', 'tool_use_id', 'content', 'is_error'];
  onlyKnown(item, path, { read, steering: ['cache_control'] }, complain);
  return {
    kind: 'tool_result',
    id: textIn(item, 'tool_use_id', path, complain),
    parts: readTexts(item['content'], `${path}.content`, complain),
    isError: item['is_error'] === true,
  };
};

const readUserParts = (
  content: Json | undefined,
  path: string,
  complain: Complain,
): readonly UserPart[] => {
  if (typeof content === 'string') return [{ kind: 'text', text: content, cache: null }];
  return objectsIn(content, path, complain).flatMap(({ item, path: at }): readonly UserPart[] => {
    switch (textAt(item, 'type') ?? '') {
      case 'text':
        return [readText(item, at, complain)];
      case 'image':
        return [{ kind: 'image', source: readImage(item, at, complain) }];
      case 'tool_result':
        return [readResult(item, at, complain)];
      default:
        complain(untranslatable(`${at}.type`));
        return [];
    }
  });
};

const readToolUse = (item: JsonObject, path: string, complain: Complain): AssistantPart => {
  const read = ['type', 'id', 'name', 'input'];
  onlyKnown(item, path, { read, steering: ['cache_control', 'caller'] }, complain);
  const input = objectAt(item, 'input');
  if (input === null) complain(invalid(`${path}.input`, item['input'], 'an object'));
  const id = textIn(item, 'id', path, complain);
  return { kind: 'tool_call', id, name: textIn(item, 'name', path, complain), input: input ?? {} };
};

/** A signature that we had to invent for a provider without signatures is empty, and means none. */
const readThinking = (item: JsonObject, path: string, complain: Complain): AssistantPart => {
  const signature = textAt(item, 'signature') ?? '';
  return {
    kind: 'reasoning',
    text: textIn(item, 'thinking', path, complain),
    signature: signature === '' ? null : signature,
  };
};

const readAssistantParts = (
  content: Json | undefined,
  path: string,
  complain: Complain,
): readonly AssistantPart[] => {
  if (typeof content === 'string') return readTexts(content, path, complain);
  return objectsIn(content, path, complain).flatMap(
    ({ item, path: at }): readonly AssistantPart[] => {
      switch (textAt(item, 'type') ?? '') {
        case 'text':
          return [readText(item, at, complain)];
        case 'tool_use':
          return [readToolUse(item, at, complain)];
        case 'thinking':
          return [readThinking(item, at, complain)];
        case 'redacted_thinking':
          return []; // sealed for Anthropic alone; says nothing to anyone else
        default:
          complain(untranslatable(`${at}.type`));
          return [];
      }
    },
  );
};

/** The messages of a request: https://docs.anthropic.com/en/api/messages#body-messages */
export const readMessages = (value: Json | undefined, complain: Complain): readonly Message[] =>
  objectsIn(value, 'messages', complain).flatMap(({ item, path }): readonly Message[] => {
    onlyKnown(item, path, { read: ['role', 'content'] }, complain);
    const { content } = item;
    const at = `${path}.content`;
    if (typeof content !== 'string' && !Array.isArray(content)) {
      complain(invalid(at, content, 'a string or an array'));
      return [];
    }
    switch (textAt(item, 'role') ?? '') {
      case 'user':
        return [{ role: 'user', parts: readUserParts(content, at, complain) }];
      case 'assistant':
        return [{ role: 'assistant', parts: readAssistantParts(content, at, complain) }];
      case 'system':
        return [{ role: 'system', parts: readTexts(content, at, complain) }];
      default:
        complain(untranslatable(`${path}.role`));
        return [];
    }
  });
