import { expect, test } from 'vitest';
import { prepare, speechOf } from '../translate/prepared.ts';
import { clientDialects } from '../../../gateway/src/dialects/registry.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';
import { parseObject } from '../../../gateway/src/model/json.ts';

const messages = [{ role: 'user', content: 'x' }];

/** What a vendor gets for a streamed call of a client of this dialect. */
const sentTo = (vendor: string, client: 'openai' | 'anthropic') => {
  const provider = providers.get(vendor);
  const dialect = clientDialects[client];
  const json = { model: 'm', messages, max_tokens: 5, stream: true };
  const checked = dialect.check(json, 'chat');
  if (provider === undefined || checked.kind === 'bad') throw new Error('a bad test');
  const bytes = Buffer.from(JSON.stringify(json));
  const head = { model: 'm', createdSeconds: 0, fallbackId: '', wantsStreamUsage: false };
  const request = {
    dialect,
    operation: 'chat',
    parameters: checked.value,
    bytes,
    json,
    head,
  } as const;
  const preparation = prepare(request, speechOf(provider), 'm', {});
  if (preparation.kind === 'bad') throw new Error(preparation.problem.message);
  return parseObject(Buffer.from(preparation.prepared.body).toString());
};

const usage = { stream_options: { include_usage: true } };

test.each([
  // Refuses stream_options.include_usage and max_completion_tokens with 422, and reports usage anyway:
  // https://github.com/openai/openai-agents-python/issues/442
  ['mistral', {}, { max_tokens: 5 }],
  ['deepseek', usage, { max_tokens: 5 }],
  ['groq', usage, { max_completion_tokens: 5 }],
  ['vllm', usage, { max_completion_tokens: 5 }],
])('%s is asked in its own words', (vendor, asked, limit) => {
  const call = { model: 'm', messages, stream: true };
  expect(sentTo(vendor, 'openai')).toEqual({ ...call, max_tokens: 5, ...asked });
  expect(sentTo(vendor, 'anthropic')).toEqual({ ...call, ...limit, ...asked });
});
