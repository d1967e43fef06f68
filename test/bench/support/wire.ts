/** What the load of every benchmark sends, byte for byte. Shared by the load generators; nothing else. */

/** The size of the chat body, bytes. */
export const chatBodyBytes = 1215;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const prose =
  'The quick brown fox jumps over the lazy dog while the invoices are being reconciled. ';

/** Which of two providers a gateway sends a call to: its model says so. */
export type Provider = 'nginx' | 'node';
export const modelOf: Readonly<Record<Provider, string>> = { nginx: 'gpt-4o-mini', node: 'gpt-4o' };

/** A chat request of 1,215 bytes: a system prompt, some turns and the usual sampling fields. ASCII. */
export const chatBody = (provider: Provider, stream: boolean): string => {
  return padded(chatBodyBytes, (content) => ({
    model: modelOf[provider],
    messages: [
      { role: 'system', content: 'You are a careful assistant that answers in one paragraph.' },
      { role: 'user', content: 'Which of our invoices are still open?' },
      { role: 'assistant', content: 'Three of them: two from June and one from July.' },
      { role: 'user', content },
    ],
    temperature: 0.7,
    top_p: 0.95,
    max_tokens: 256,
    ...(stream ? { stream: true } : {}),
  }));
};

/** A whole HTTP/1.1 request, head and body. */
export const chatRequest = (options: {
  readonly provider: Provider;
  readonly stream: boolean;
  readonly key: string;
  readonly host: string;
}): Buffer => {
  const body = chatBody(options.provider, options.stream);
  return Buffer.from(
    [
      'POST /v1/chat/completions HTTP/1.1',
      `host: ${options.host}`,
      'content-type: application/json',
      `authorization: Bearer ${options.key}`,
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
};

/** What the mock's replies have in common. */
export const completionHead = {
  id: 'chatcmpl-BenchBenchBenchBenchBenchBench',
  created: 1_790_000_000,
  model: 'gpt-4o-mini-2024-07-18',
};

/** What the mock says it used. */
export const usage = {
  prompt_tokens: 278,
  completion_tokens: 42,
  total_tokens: 320,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};

/** JSON of exactly `bytes` bytes: `make` is given as much ASCII text as there is room for. */
export const padded = (bytes: number, make: (text: string) => unknown): string =>
  JSON.stringify(make(prose.repeat(20).slice(0, bytes - JSON.stringify(make('')).length)));

/** The mock's whole reply: 596 bytes, without quotes that a configuration of nginx would have to escape. */
export const chatCompletion = (): string =>
  padded(596, (content) => ({
    ...completionHead,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage,
  }));
