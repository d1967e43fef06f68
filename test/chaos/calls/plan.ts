/** What callers ask and what providers do, from seeds. Neither knows of the other's plans. */
import { createHash } from 'node:crypto';
import { generator, pick } from '../../e2e/workload.ts';
import type { Script } from '../../fakes/faults.ts';
import type { ProviderName } from './evidence.ts';

export interface Planned {
  readonly trace: string;
  readonly dialect: 'openai' | 'anthropic';
  readonly stream: boolean;
  readonly tagged: boolean;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Hang up after so many bytes of the body, or after so long, whichever comes first. */
  readonly hangUp: { readonly afterBytes: number; readonly afterMs: number } | null;
}

/** The tag that bills are split by. */
export const tag = 'feature';

const models = ['gpt-4o-mini', 'claude-sonnet-4-5', 'either'] as const;
/** Of a stream with a usual number of words. */
const usualStreamBytes = 4_000;

/** The call number `i` of a seed: half streams, a tenth hung up. */
export const planOf = (seed: number, i: number, key: string): Planned => {
  const random = generator(seed * 1_000_003 + i);
  const trace = createHash('md5').update(`chaos ${seed}/${i}`).digest('hex');
  const dialect = random() < 0.35 ? 'anthropic' : 'openai';
  const stream = random() < 0.5;
  const tagged = random() < 0.5;
  const wantsUsage = dialect === 'openai' && stream && random() < 0.6;
  const isLate = random() < 0.6;
  return {
    trace,
    dialect,
    stream,
    tagged,
    path: dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages',
    headers: {
      'content-type': 'application/json',
      traceparent: `00-${trace}-${trace.slice(0, 16)}-01`,
      ...(dialect === 'anthropic'
        ? { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
        : { authorization: `Bearer ${key}` }),
      ...(tagged ? { 'x-tollgate-tags': `${tag}=value-${Math.floor(random() * 5)}` } : {}),
    },
    body: JSON.stringify({
      model: pick(random, models),
      max_tokens: 500,
      stream,
      messages: [{ role: 'user', content: 'a question '.repeat(1 + Math.floor(random() * 60)) }],
      ...(wantsUsage ? { stream_options: { include_usage: true } } : {}),
    }),
    hangUp:
      random() < 0.1
        ? {
            afterBytes: isLate ? Math.floor(random() * usualStreamBytes) : Infinity,
            afterMs: isLate ? 60_000 : 10 + Math.floor(random() * 1_500),
          }
        : null,
  };
};

const usageOf = (random: () => number, provider: ProviderName): Record<string, unknown> => {
  const below = (most: number): number => Math.floor(random() * most);
  const [input, output, cached] = [1 + below(5_000), 1 + below(900), below(3_000)];
  if (provider === 'openai') {
    const prompt = input + cached;
    return {
      prompt_tokens: prompt,
      completion_tokens: output,
      total_tokens: prompt + output,
      prompt_tokens_details: { cached_tokens: cached },
    };
  }
  const [short, long] = [below(2_000), below(500)];
  return {
    input_tokens: input,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: short + long,
    cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
    output_tokens: output,
  };
};

/** A tenth of all replies die: of each way some. */
const deathOf = (random: () => number, words: number, bytes: number): Script['fault'] => {
  const at = Math.floor(random() * bytes);
  const way = random();
  if (way < 0.6) return { cutAfterBytes: at };
  if (way < 0.75) return { endAfterBytes: at };
  if (way < 0.85) return { hangUp: true };
  if (way < 0.95) return { errorAfterEvents: Math.floor(random() * Math.min(words, 20)) };
  return { stallAfterBytes: at };
};

/** Bytes of a reply beside its words, and of an event with a word. */
const [frameBytes, eventBytes, wordBytes] = [900, 230, 8] as const;

/** What a provider does with each request, one after the other. */
export const providing = (
  seed: number,
  provider: ProviderName,
): ((body: Readonly<Record<string, unknown>>) => Script) => {
  const random = generator(seed);
  return ({ stream }) => {
    const isLarge = stream !== true && random() < 0.03;
    const words = isLarge ? 9_000 + Math.floor(random() * 9_000) : 1 + Math.floor(random() * 22);
    const bytes = frameBytes + words * (stream === true ? eventBytes : wordBytes);
    const usage = random() < 0.05 ? null : usageOf(random, provider);
    const pace = {
      delayMs: 50 + Math.floor(random() * 700),
      gapMs: 10 + Math.floor(random() * 110),
    };
    const dice = random();
    const fault =
      dice < 0.1
        ? deathOf(random, words, bytes)
        : dice < 0.13
          ? { status: pick(random, [429, 500, 529]), retryAfter: '0' }
          : {};
    return { words, usage, fault: { ...pace, ...fault } };
  };
};
