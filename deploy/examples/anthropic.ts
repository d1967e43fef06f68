// Anthropic's SDK, unmodified but for the address and the key; the model may be another vendor's.
import Anthropic from '@anthropic-ai/sdk';

const {
  TOLLGATE_URL = 'http://127.0.0.1:8080',
  TOLLGATE_KEY,
  TOLLGATE_MODEL = 'demo',
} = process.env;
const client = new Anthropic({ baseURL: TOLLGATE_URL, apiKey: TOLLGATE_KEY ?? null });

const { data: reply, response } = await client.messages
  .create({
    model: TOLLGATE_MODEL,
    max_tokens: 200,
    messages: [{ role: 'user', content: 'Hello' }],
  })
  .withResponse();
for (const part of reply.content) if (part.type === 'text') process.stdout.write(`${part.text}\n`);
process.stdout.write(`cost ${response.headers.get('x-tollgate-cost-usd') ?? ''}\n`);
process.stdout.write(`call ${response.headers.get('x-tollgate-call-id') ?? ''}\n`);
