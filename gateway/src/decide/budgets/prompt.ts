/** What a request body says of the size of its prompt, without being read. */
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

const mediaWords = ['image', 'audio', '"file', '"document', '"modalities'] as const;

/** @param bytes of the body, as it came */
export const promptOf = (bytes: Buffer): Prompt => {
  const hasMedia = mediaWords.some((word) => bytes.includes(word));
  const tools = bytes.includes('"tools"') ? tokensForTools : 0;
  return {
    tokensByLength: hasMedia ? null : Math.ceil(bytes.length / bytesPerToken) + tools,
    writesCache: bytes.includes('"cache_control"'),
    hasMedia,
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
