/** Calls of every kind, good and bad, from one seed; each under a trace id of its own, so that it can be found again. */
import { createHash } from 'node:crypto';

/** What a client does, and what the provider is told to do. */
export interface PlannedCall {
  readonly traceId: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly stream: boolean;
  /** Its key is none. */
  readonly isStranger: boolean;
  /** Hang up after so many bytes of the reply, or after so many milliseconds without any. */
  readonly hangUp: { readonly afterBytes: number; readonly afterMs: number } | null;
}

export interface Outcome {
  readonly planned: PlannedCall;
  /** 0: none arrived. */
  readonly status: number;
  readonly hungUp: boolean;
  /** The client has all of the reply, a stream with its last event. */
  readonly isWhole: boolean;
  /** What the reply said it cost; null: nothing. */
  readonly costUsd: string | null;
}

/** A small seeded generator (mulberry32): the same seed gives the same workload. */
export const generator = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

/** One of them, each as likely. */
export const pick = <T>(random: () => number, from: readonly [T, ...T[]]): T =>
  from[Math.floor(random() * from.length)] ?? from[0];

type Fault = Readonly<Record<string, unknown>>;

/** Weighted by repetition; null: the provider behaves. */
const faults = (random: () => number): Fault | null =>
  pick<Fault | null>(random, [
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    { status: 429, retryAfter: '0' },
    { status: 500 },
    { status: 529 },
    { status: 401 },
    { status: 400 },
    { hangUp: true },
    { cutAfterBytes: Math.floor(random() * 900) },
    { endAfterBytes: Math.floor(random() * 900) },
    { stallAfterBytes: Math.floor(random() * 900) },
    { errorAfterEvents: 3 },
    { body: 'this is no reply' },
    { chunkBytes: 1 + Math.floor(random() * 40) },
    { delayMs: 60 },
  ]);

/** Right, wrong, or none at all. */
const usages = (random: () => number, openai: boolean): unknown =>
  openai
    ? pick<unknown>(random, [
        undefined,
        undefined,
        undefined,
        {
          prompt_tokens: 100,
          completion_tokens: 40,
          total_tokens: 140,
          prompt_tokens_details: { cached_tokens: 64 },
          completion_tokens_details: { reasoning_tokens: 16 },
        },
        {
          prompt_tokens: 10,
          completion_tokens: 4,
          total_tokens: 14,
          prompt_tokens_details: { cached_tokens: 50 },
        },
        null,
      ])
    : pick<unknown>(random, [
        undefined,
        undefined,
        undefined,
        {
          input_tokens: 30,
          output_tokens: 20,
          cache_read_input_tokens: 500,
          cache_creation_input_tokens: 70,
          cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 },
        },
        null,
      ]);

interface Draft {
  readonly anthropic: boolean;
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A few requests never reach a provider: `strange`, in [0, 1), says which, and what is wrong with them. */
const spoiled = (draft: Draft, strange: number): Draft => {
  const { anthropic, model, headers, body } = draft;
  if (strange < 0.02) {
    const wrong = anthropic ? { 'x-api-key': 'tg-no' } : { authorization: 'Bearer tg-no' };
    return { ...draft, headers: { ...headers, ...wrong } };
  }
  if (strange < 0.04) return { ...draft, body: body.replace(model, 'no-such-model') };
  if (strange < 0.05) return { ...draft, body: body.slice(0, -3) };
  if (strange < 0.06) return { ...draft, body: body.replace('"stream":', '"stream":"yes","x":') };
  return draft;
};

/** The call number `i` of a seed. */
export const planCall = (seed: number, i: number, key: string): PlannedCall => {
  const random = generator(seed * 1_000_003 + i);
  const traceId = createHash('md5').update(`${seed}/${i}`).digest('hex');
  const anthropic = random() < 0.35;
  const stream = random() < 0.55;
  const model = pick(random, ['gpt-4o-mini', 'gpt-5', 'claude-sonnet-4-5', 'either']);
  const strange = random();
  const served = model === 'either' || model.startsWith('gpt');
  const usage = usages(random, served);
  const fault = faults(random);
  const script = {
    words: 1 + Math.floor(random() * 30),
    ...(fault === null ? {} : { fault }),
    ...(usage === undefined ? {} : { usage }),
    ...(random() < 0.1 ? { tools: [{ name: 'weather', arguments: { city: 'Bern' } }] } : {}),
  };
  const content = random() < 0.9 ? JSON.stringify({ script }) : 'plain words';
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`,
    ...(anthropic
      ? { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
      : { authorization: `Bearer ${key}` }),
    'x-tollgate-agent': 'planner',
  };
  const path = anthropic ? '/v1/messages' : '/v1/chat/completions';
  const whole = JSON.stringify({
    model,
    max_tokens: 200,
    stream,
    messages: [{ role: 'user', content }],
    ...(anthropic || !stream || random() < 0.5 ? {} : { stream_options: { include_usage: true } }),
  });
  const request = spoiled({ anthropic, model, headers, body: whole }, strange);
  const hangs = random() < 0.12;
  const embeddings = !anthropic && strange > 0.95;
  return {
    traceId,
    path: embeddings ? '/v1/embeddings' : path,
    headers: request.headers,
    body: embeddings
      ? JSON.stringify({ model: 'text-embedding-3-small', input: ['one', 'two'] })
      : request.body,
    stream: stream && !embeddings,
    isStranger: strange < 0.02,
    hangUp: hangs
      ? { afterBytes: Math.floor(random() * 1200), afterMs: 5 + Math.floor(random() * 60) }
      : null,
  };
};

/** Makes a call as planned and reads its reply to the end, or hangs up. */
export const makeCall = async (url: string, planned: PlannedCall): Promise<Outcome> => {
  const control = new AbortController();
  const { hangUp } = planned;
  const timer = hangUp === null ? null : setTimeout(() => control.abort(), hangUp.afterMs);
  let status = 0;
  let costUsd: string | null = null;
  try {
    const response = await fetch(url + planned.path, {
      method: 'POST',
      headers: planned.headers,
      body: planned.body,
      signal: control.signal,
    });
    status = response.status;
    costUsd = response.headers.get('x-tollgate-cost-usd');
    let bytes = 0;
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      text += decoder.decode(chunk, { stream: true });
      if (hangUp !== null && bytes >= hangUp.afterBytes) control.abort();
    }
    const isWhole = !planned.stream || /^(?:data: \[DONE\]|event: message_stop)/m.test(text);
    return { planned, status, hungUp: false, isWhole, costUsd };
  } catch {
    return { planned, status, hungUp: control.signal.aborted, isWhole: false, costUsd };
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
};

/** Makes calls `from` to `to` of a seed, `width` at a time. */
export const makeCalls = async (options: {
  readonly url: string;
  readonly key: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly width: number;
}): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = [];
  let next = options.from;
  const worker = async (): Promise<void> => {
    while (next < options.to) {
      const planned = planCall(options.seed, next, options.key);
      next += 1;
      outcomes.push(await makeCall(options.url, planned));
    }
  };
  await Promise.all(Array.from({ length: options.width }, worker));
  return outcomes;
};
