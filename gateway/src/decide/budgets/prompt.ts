/** What a request says of the size of its prompt, without being counted. */
import { isObject, listAt, type Json, type JsonObject } from '../../model/json.ts';

export interface Prompt {
  /** Tokens that it has at most, by its length alone; null: some of it may cost more than its length says. */
  readonly tokensByLength: number | null;
  /** It asks for parts of it to be kept in the provider's cache. */
  readonly writesCache: boolean;
  /** It has images, sound or files, or asks for some. */
  readonly hasMedia: boolean;
}

/** Of a body that is not at hand. */
export const unknownPrompt: Prompt = { tokensByLength: null, writesCache: true, hasMedia: true };

/**
 * Bytes of a token at least, on the whole: text has about four of English and three of other scripts; digits, hexadecimals and
 * punctuation come near to two. The JSON around the text is more than what providers add to each message.
 */
const bytesPerToken = 2;

/**
 * What providers add when tools may be used: at Anthropic 313 to 530 tokens
 * (https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview#pricing).
 */
const tokensForTools = 600;

/** Parts of a message that are as long as they look. */
const textTypes: ReadonlySet<Json | undefined> = new Set([
  'text',
  'input_text',
  'output_text',
  'refusal',
  'tool_use',
  'thinking',
  'redacted_thinking',
]);

/** What is found in a body, so far. */
interface Found {
  writesCache: boolean;
  hasMedia: boolean;
}

/** A content: a text, or a list of parts. Whatever is no part that we know may cost more than it looks. */
const lookAt = (content: Json | undefined, found: Found): void => {
  if (!Array.isArray(content)) {
    if (isObject(content)) found.hasMedia = true;
    return;
  }
  for (const part of content) {
    if (!isObject(part)) continue;
    if (part['cache_control'] !== undefined) found.writesCache = true;
    if (part['type'] === 'tool_result') lookAt(part['content'], found);
    else if (!textTypes.has(part['type'])) found.hasMedia = true;
  }
};

/** @param bytes how long the body is, as it came */
export const promptOf = (body: JsonObject, bytes: number): Prompt => {
  const found = { writesCache: body['cache_control'] !== undefined, hasMedia: false };
  if (body['modalities'] !== undefined || body['audio'] !== undefined) found.hasMedia = true;
  lookAt(body['system'], found);
  for (const message of listAt(body, 'messages')) {
    if (!isObject(message)) continue;
    if (message['audio'] !== undefined && message['audio'] !== null) found.hasMedia = true;
    lookAt(message['content'], found);
  }
  const tools = listAt(body, 'tools');
  for (const tool of tools)
    if (isObject(tool) && tool['cache_control'] !== undefined) found.writesCache = true;
  const forTools = tools.length > 0 ? tokensForTools : 0;
  return {
    ...found,
    tokensByLength: found.hasMedia ? null : Math.ceil(bytes / bytesPerToken) + forTools,
  };
};

/** A count of ours is some 4 % off on prose, more on code. */
const counted = { share: 1.2, more: 32 };

/**
 * Tokens that a prompt has at most, counted; not more than its length says.
 * @param inputTokens as `estimateInputTokens` counts them
 */
export const tokensByCount = ({ tokensByLength }: Prompt, inputTokens: number): number => {
  const most = Math.ceil(inputTokens * counted.share) + counted.more + tokensForTools;
  return tokensByLength === null ? most : Math.min(most, tokensByLength);
};
