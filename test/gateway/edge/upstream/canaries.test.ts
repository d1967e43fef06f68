/**
 * Whatever a provider says, and wherever in its answer: the client never reads the gateway's credential in it, and nothing
 * that is written down holds the credential or the prompt.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { count } from '../../../../gateway/src/projections/metrics.ts';
import { callLog } from '../../../../gateway/src/edge/telemetry/log.ts';
import { spansOf } from '../../../../gateway/src/projections/spans.ts';
import { metrics, type MetricId } from '../../../../gateway/src/contract/metrics.ts';
import { scrubber } from '../../../../gateway/src/decide/scrub.ts';
import { toldBy } from '../../../../gateway/src/decide/told.ts';
import { replyFault } from '../../../../gateway/src/translate/provider-error.ts';
import { openaiUpstream } from '../../../../gateway/src/dialects/openai.ts';
import { networkFault } from '../../../../gateway/src/decide/faults.ts';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { anthropicSecret, key, openaiSecret, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, type Reply } from '../http/http-client.ts';
import { forms, recovers } from '../../secrets.ts';
import { rowJson } from '../../model/settlements.ts';
import { chunkedHead, httpChunk, lastChunk, startRaw, type RawUpstream } from './raw-upstream.ts';
import { chunkOf, doneChunk, usageChunk, wholeChat } from './scripted.ts';

const marker = 'canarybird-of-the-prompt';
const prompt = `Tell me about the ${marker} and nothing else.`;

let answer = '';
let upstream: RawUpstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startRaw((socket) => void socket.end(answer, 'latin1'));
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-*: openai, claude-*: anthropic }
retry: { triesPerTarget: 1 }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const json = 'application/json';
const response = (head: string, body: string): string =>
  `HTTP/1.1 ${head}\r\ncontent-length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
const typed = (status: number, body: string): string =>
  response(`${status} X\r\ncontent-type: ${json}`, body);
const stream = (...parts: string[]): string =>
  chunkedHead() + parts.map(httpChunk).join('') + lastChunk;
/** What a header may hold. */
const inHeader = (words: string): string => words.replaceAll(/[^ -~]/g, ' ');
const errorOf = (words: string): string =>
  JSON.stringify({
    type: 'error',
    error: { message: words, type: words, code: words, param: words },
  });
const anthropicStart = (words: string): string =>
  `event: message_start\ndata: ${JSON.stringify({
    type: 'message_start',
    message: { id: words, model: words, usage: { input_tokens: 1, service_tier: words } },
  })}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n`;
const named = (words: string): string =>
  JSON.stringify({
    ...JSON.parse(wholeChat()),
    id: words,
    model: words,
    service_tier: words,
    system_fingerprint: words,
    choices: [{ index: 0, message: { content: 'x' }, finish_reason: words }],
  });
const openaiNamed = (words: string): string =>
  `data: ${JSON.stringify({ id: words, model: words, service_tier: words, choices: [{ index: 0, delta: { content: 'x' }, finish_reason: words }] })}\n\n`;

const passingHeaders = [
  'openai-words',
  'anthropic-words',
  'x-groq-words',
  'x-ratelimit-words',
  'server-timing',
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'apim-request-id',
  'retry-after',
  'retry-after-ms',
  'content-type',
  'content-encoding',
  'set-cookie',
];
const refused = [400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 498, 500, 502, 503, 504];

/** Answers by what they are; each says these words somewhere. */
const answers: Readonly<Record<string, (words: string) => string>> = {
  'the text of an error status': (words) => response(`500 ${inHeader(words)}`, '{}'),
  'the text of a status of success': (words) =>
    response(`200 ${inHeader(words)}\r\ncontent-type: ${json}`, wholeChat()),
  ...Object.fromEntries(
    [...refused, 529].map((status) => [
      `an error ${status}`,
      (words: string) => typed(status, errorOf(words)),
    ]),
  ),
  'plain words': (words) => response('500 X\r\ncontent-type: text/plain', words),
  'a page': (words) => response('502 X\r\ncontent-type: text/html', `<html>${words}</html>`),
  'an error that is cut': (words) =>
    `HTTP/1.1 500 X\r\ncontent-type: ${json}\r\ncontent-length: 99999\r\n\r\n${errorOf(words)}`,
  'an error above its limit': (words) => typed(500, errorOf(words + 'x'.repeat(70_000) + words)),
  ...Object.fromEntries(
    passingHeaders.flatMap((name) => [
      [
        `${name} of a reply`,
        (words: string) => response(`200 X\r\n${name}: ${inHeader(words)}`, wholeChat()),
      ],
      [
        `${name} of a stream`,
        (words: string) =>
          chunkedHead('text/event-stream', `${name}: ${inHeader(words)}\r\n`) +
          [chunkOf({ content: 'x' }, 'stop'), usageChunk, doneChunk].map(httpChunk).join('') +
          lastChunk,
      ],
      [
        `${name} of an error`,
        (words: string) => response(`429 X\r\n${name}: ${inHeader(words)}`, '{"error":{}}'),
      ],
    ]),
  ),
  'the name of a header': (words) =>
    response(`200 X\r\nopenai-${words.replaceAll(/[^\w]/g, '-')}: v`, wholeChat()),
  'a redirect': (words) => response(`307 X\r\nlocation: https://x.test/${inHeader(words)}`, ''),
  'an early hint': (words) =>
    `HTTP/1.1 103 X\r\nlink: ${inHeader(words)}\r\n\r\n${typed(200, wholeChat())}`,
  'no HTTP': (words) => `${words}\r\n\r\n`,
  'a broken chunk': (words) =>
    `${chunkedHead() + httpChunk(chunkOf({ content: 'x' }))}${words}\r\n`,
  'a chunk extension': (words) =>
    `${chunkedHead()}5;${inHeader(words).replaceAll(' ', '')}\r\nhello\r\n`,
  trailers: (words) =>
    `${chunkedHead() + httpChunk(chunkOf({ content: 'x' }, 'stop') + doneChunk)}0\r\nx-request-id: ${inHeader(words)}\r\n\r\n`,
  'an error inside a reply': (words) => typed(200, errorOf(words)),
  'an error as the first event': (words) => stream(`event: error\ndata: ${errorOf(words)}\n\n`),
  'an error in the middle of a stream': (words) =>
    stream(chunkOf({ content: 'x' }), `data: ${errorOf(words)}\n\n`),
  'an error whose words are long': (words) =>
    stream(chunkOf({ content: 'x' }), `data: ${errorOf('x'.repeat(1_940) + words)}\n\n`),
  "an error in the middle of Anthropic's stream": (words) =>
    stream(anthropicStart('n'), `event: error\ndata: ${errorOf(words)}\n\n`),
  "a long error in the middle of Anthropic's stream": (words) =>
    stream(anthropicStart('n'), `event: error\ndata: ${errorOf('x'.repeat(1_940) + words)}\n\n`),
  'an event that is no JSON': (words) => stream(chunkOf({ content: 'x' }), `data: ${words}\n\n`),
  'a body that is no reply': (words) => typed(200, words),
};
/** What of a reply that succeeds passes as it is; only what is written down is looked at. */
const replies: typeof answers = {
  'names in a reply': (words) => typed(200, named(words)),
  'names in a stream': (words) => stream(openaiNamed(words), doneChunk),
  "names in Anthropic's stream": (words) =>
    stream(
      anthropicStart(words),
      `event: message_delta\ndata: ${JSON.stringify({ type: 'message_delta', delta: { stop_reason: words }, usage: { output_tokens: 1, speed: words, inference_geo: words } })}\n\n`,
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ),
};

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;
const clients = [
  [paths.openai, 'gpt-x', openaiSecret],
  [paths.anthropic, 'claude-x', anthropicSecret],
  [paths.openai, 'claude-x', anthropicSecret],
  [paths.anthropic, 'gpt-x', openaiSecret],
] as const;

/** What of `harness.written` was looked at. */
let seen = 0;
/** Everything that is written down of a call. */
const written = (settlement: Settlement): string => {
  const lines: string[] = [];
  callLog(harness.log, { write: (line) => void lines.push(line) })(settlement);
  count(harness.store, settlement);
  const others = harness.written.slice(seen);
  seen = harness.written.length;
  return [
    rowJson(settlement, 'r', 1),
    JSON.stringify(spansOf(settlement)),
    ...lines,
    ...others,
  ].join('\n');
};
const labels = (): string =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  (Object.keys(metrics) as MetricId[])
    .flatMap((id) => [...harness.store.values(id), ...harness.store.histograms(id)])
    .map(({ labels: values }) => JSON.stringify(values))
    .join('\n');
const readBy = ({ headers, body }: Reply): string =>
  `${JSON.stringify(headers)}\n${body.toString('latin1')}`;

test.each(clients)(
  '%s to %s: no canary gets out',
  { timeout: 60_000 },
  async (path, model, secret) => {
    let nth = 0;
    for (const [name, say] of Object.entries({ ...answers, ...replies })) {
      for (const streams of [false, true]) {
        nth += 1;
        const form = (nth + (nth >> 1)) % 2 === 0 ? forms[0] : forms[nth % forms.length];
        const quoted = form?.write(secret) ?? '';
        answer = say(`Incorrect key: ${quoted} You wrote: ${prompt}`);
        const body = {
          model,
          max_tokens: 5,
          stream: streams,
          messages: [{ role: 'user', content: prompt }],
        };
        const reply = await post(harness.url + path, key, body);
        const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
        const what = `${name}, ${form?.name}, stream: ${streams}`;
        if (name in answers) expect(recovers(readBy(reply), secret), what).toBe(false);
        const down = written(settlement);
        expect(recovers(down, secret), what).toBe(false);
        expect(down, what).not.toContain(marker);
      }
    }
    expect(recovers(labels(), secret)).toBe(false);
    expect(labels()).not.toContain(marker);
    const cut = [...harness.store.values('providerCuts')].filter(({ value }) => value > 0);
    expect(cut.map((one) => one.labels['what'])).toEqual(
      expect.arrayContaining(['credential', 'name', 'error_body']),
    );
  },
);

test.each(forms)(
  'nor does an error that is cut in the middle of a credential: $name',
  ({ write }) => {
    const told = toldBy(scrubber([openaiSecret]), () => {});
    for (let before = 1_400; before <= 2_000; before += 50) {
      const [failure] = openaiUpstream
        .streamReader()
        .read({ event: null, data: errorOf('x'.repeat(before) + write(openaiSecret)) });
      if (failure?.kind !== 'failed') throw new Error('no failure');
      const { said } = replyFault(failure, { status: 200, dialect: 'openai', told }, true);
      expect(recovers(said?.message ?? '', openaiSecret)).toBe(false);
      expect(said?.message.length).toBeLessThanOrEqual(2_000);
    }
  },
);

test('nor does the message of a connection that fails', () => {
  const error = Object.assign(new Error(`${openaiSecret} ${prompt}`), { code: prompt });
  for (const begun of [true, false]) {
    const told = JSON.stringify(networkFault(error, { status: 0, begun, wasUnread: false }));
    expect(told).not.toContain(openaiSecret);
    expect(told).not.toContain(marker);
  }
});
