// OpenAI's SDK, unmodified but for the address and the key: a stream, its usage, and the id of its row in the ledger.
import OpenAI from 'openai';

const {
  TOLLGATE_URL = 'http://127.0.0.1:8080',
  TOLLGATE_KEY,
  TOLLGATE_MODEL = 'demo',
} = process.env;
const client = new OpenAI({
  baseURL: `${TOLLGATE_URL}/v1`,
  apiKey: TOLLGATE_KEY,
  defaultHeaders: { 'x-tollgate-session': 'support-4711' },
});

const { data: stream, response } = await client.chat.completions
  .create({
    model: TOLLGATE_MODEL,
    messages: [{ role: 'user', content: 'Hello' }],
    stream: true,
    stream_options: { include_usage: true },
  })
  .withResponse();
for await (const { choices, usage } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '');
  if (usage) process.stdout.write(`\n${usage.prompt_tokens} + ${usage.completion_tokens} tokens\n`);
}
process.stdout.write(`call ${response.headers.get('x-tollgate-call-id') ?? ''}\n`);
