/** Bedrock over real sockets: a signature for each request, frames of AWS, Anthropic's words inside. */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { expect, test } from 'vitest';
import { signed } from '../../../../gateway/src/providers/signature-v4.ts';
import { eventually } from '../../../fakes/journal.ts';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness } from '../http/harness.ts';
import { send } from '../http/http-client.ts';
import { json, startScripted, type Answering } from './scripted.ts';

const closing = closeAfterEach();
const model = 'eu.anthropic.claude-sonnet-5-5-v1:0';
const secretAccessKey = 'the-secret-access-key-of-the-gateway';

const started = async (answer: Answering) => {
  const upstream = await startScripted(answer);
  closing.push(() => upstream.close());
  const harness = await startHarness(
    `providers:
  bedrock:
    awsRegion: eu-central-1
    baseUrl: "${upstream.origin}"
    accessKeyId: "\${AWS_ACCESS_KEY_ID}"
    secretAccessKey: "\${AWS_SECRET_ACCESS_KEY}"
models:
  claude: { targets: [{ provider: bedrock, model: "${model}" }] }
  gpt-4o-mini: bedrock`,
    undefined,
    { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: secretAccessKey },
  );
  closing.push(() => harness.close());
  const ask = (path: string, stream: boolean) =>
    send(`${harness.url}${path}`, {
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude',
        max_tokens: 9,
        stream,
        messages: [{ role: 'user', content: 'a question' }],
      }),
    });
  return { upstream, harness, ask };
};

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);
const frame = (headers: Readonly<Record<string, string>>, body: object) =>
  codec.encode({
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, { type: 'string', value }]),
    ),
    body: Buffer.from(JSON.stringify(body)),
  });
const event = (body: object) =>
  frame(
    { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' },
    { bytes: Buffer.from(JSON.stringify(body)).toString('base64'), p: 'abcdef' },
  );
const exception = (type: string, message: string) =>
  frame({ ':exception-type': type, ':message-type': 'exception' }, { message });

const usage = { input_tokens: 3, output_tokens: 1 };
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  content: [],
  usage,
};
const begin = [
  { type: 'message_start', message },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße' } },
];
const rest = [
  { type: 'content_block_stop', index: 0 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 5 },
  },
  { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 3 } },
];
const frames = { 'content-type': 'application/vnd.amazon.eventstream' };
const stream: Answering = (response) => {
  const bytes = Buffer.concat([...begin, ...rest].map(event));
  response.writeHead(200, frames);
  // In the middle of a frame.
  response.write(bytes.subarray(0, 333));
  setTimeout(() => response.end(bytes.subarray(333)), 20);
};
const asSse = (events: readonly { readonly type: string }[]): string =>
  events.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join('');

test('a stream reaches a client of the dialect as the events that Anthropic itself would send', async () => {
  const { upstream, harness, ask } = await started(stream);
  const reply = await ask('/v1/messages', true);
  expect(reply).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
  });
  expect(reply.body.toString()).toBe(asSse([...begin, ...rest]));
  const [received] = upstream.received;
  expect(received?.path).toBe(`/model/${encodeURIComponent(model)}/invoke-with-response-stream`);
  expect(JSON.parse(received?.body ?? '')).toEqual({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'a question' }],
  });
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'answered', streamOutcome: 'complete' });
  expect(settlement.attempts[0]).toMatchObject({
    genAiProvider: 'aws.bedrock',
    usage: { tokens: { input_uncached: 3, output_text: 5 } },
  });
});

test('a stream reaches a client of another dialect in its own words', async () => {
  const { ask } = await started(stream);
  const reply = await ask('/v1/chat/completions', true);
  expect(reply.body.toString()).toContain('"content":"Grüße"');
  expect(reply.body.toString().endsWith('data: [DONE]\n\n')).toBe(true);
});

test('each request is signed for what it is', async () => {
  const whole = { ...message, content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' };
  const { upstream, ask } = await started(
    (response) => void response.writeHead(200, json).end(JSON.stringify(whole)),
  );
  const reply = await ask('/v1/messages', false);
  expect(JSON.parse(reply.body.toString())).toEqual(whole);
  const [received] = upstream.received;
  if (received === undefined) throw new Error('nothing was received');
  const { headers, path, body } = received;
  const { 'content-type': contentType = '', accept = '', host = '' } = headers;
  const time = String(headers['x-amz-date']);
  const nowMs = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, '$1-$2-$3:$4:'));
  const again = signed({
    method: 'POST',
    host,
    path,
    headers: { 'content-type': contentType, accept },
    body: Buffer.from(body),
    region: 'eu-central-1',
    service: 'bedrock',
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey,
    nowMs,
  });
  expect(headers.authorization).toBe(again['authorization']);
  expect(JSON.stringify(headers)).not.toContain(secretAccessKey);
});

test('an exception before the first content is a fault of its own kind, which may still go elsewhere', async () => {
  const { harness, ask } = await started((response) => {
    response.writeHead(200, frames).end(exception('throttlingException', 'Too many tokens.'));
  });
  const reply = await ask('/v1/messages', true);
  expect(reply.status).toBe(429);
  expect(reply.body.toString()).toContain('Too many tokens.');
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ errorCode: 'provider_rate_limited', outcome: 'exhausted' });
});

test('an exception in the middle ends the stream with an error in the words of the dialect', async () => {
  const { harness, ask } = await started((response) => {
    response.writeHead(200, frames).write(Buffer.concat(begin.map(event)));
    const broken = exception('modelStreamErrorException', `The model broke (${secretAccessKey}).`);
    setTimeout(() => response.end(broken), 30);
  });
  const reply = await ask('/v1/messages', true);
  const text = reply.body.toString();
  expect(text.startsWith(asSse(begin))).toBe(true);
  expect(text).toContain('event: error\ndata: {"type":"error","error":{"type":"api_error"');
  expect(text).not.toContain(secretAccessKey);
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ errorCode: 'stream_failed', outcome: 'broken' });
});

test('frames that are garbled are no reply', async () => {
  const { harness, ask } = await started((response) => {
    const bytes = Buffer.concat(begin.map(event));
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    response.writeHead(200, frames).end(bytes);
  });
  const reply = await ask('/v1/messages', true);
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement.outcome).not.toBe('answered');
  expect(settlement.attempts.at(-1)?.error).toBe('server');
});

test('a stream that is cut in the middle of a frame is a cut stream', async () => {
  const { upstream, harness, ask } = await started((response) => {
    const whole = begin.map(event);
    const half = event(rest[0] ?? {}).subarray(0, 50);
    response.writeHead(200, frames).end(Buffer.concat([...whole, half]));
  });
  const reply = await ask('/v1/messages', true);
  await eventually(() => upstream.received.length > 0, 'the provider was asked');
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'broken', streamOutcome: 'cut' });
});
