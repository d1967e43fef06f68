/** An error that a provider reports in the middle of its stream: the client reads it, and no credential in it. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scrubber } from '../../../../gateway/src/decide/scrub.ts';
import { toldBy } from '../../../../gateway/src/decide/told.ts';
import { maxErrorBytes, toldEvent } from '../../../../gateway/src/translate/provider-error.ts';
import type { Failure, Piece } from '../../../../gateway/src/model/delta.ts';
import { anthropic, openai } from '../../dialects/both.ts';
import { passThrough } from '../../../../gateway/src/translate/reply.ts';
import { closeAfterEach } from '../http/closing.ts';
import { key as clientKey, openaiSecret, startHarness } from '../http/harness.ts';
import { headerOf, post } from '../http/http-client.ts';
import { forms, recovers } from '../../secrets.ts';
import { chunkedHead, httpChunk, lastChunk, startRaw, type RawAnswer } from './raw-upstream.ts';
import { chunkOf } from './scripted.ts';

const secret = 'sk-proj-Zq81mXw0vT-yKc7Lr3BnPd95HsUe2JfGa';
const told = toldBy(scrubber([secret]), () => {});
const data = (body: object, name = ''): string =>
  `${name === '' ? '' : `event: ${name}\n`}data: ${JSON.stringify(body)}\n\n`;

const begun = {
  openai: chunkOf({ role: 'assistant', content: 'hello' }),
  anthropic:
    data({ type: 'message_start', message: { id: 'm', model: 'c', usage: {} } }, 'message_start') +
    data(
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hello' } },
      'content_block_delta',
    ),
} as const;

/** Events that report an error, each with words that quote something. */
const reports: Readonly<Record<string, (words: string) => string>> = {
  'an error object': (message) => data({ error: { message, type: 'server_error', code: null } }),
  'an error in the last member': (message) =>
    data({ id: message, choices: [{ delta: { content: message } }], error: { message } }),
  'an error in a choice': (message) =>
    data({ id: 'c', choices: [{ index: 0, delta: {}, error: { code: 502, message } }] }),
  'a choice that ends in an error': (message) =>
    data({ id: 'c', choices: [{ index: 0, delta: { content: message }, finish_reason: 'error' }] }),
  'an event of that name': (message) => data({ message }, 'error'),
  'an object that is an error': (message) => data({ object: 'error', message, code: 400 }),
  'a detail': (message) => data({ detail: message }),
  'words over several lines': (message) =>
    `event: error\n: ${message}\ndata: {"error":\ndata: ${JSON.stringify({ message })}}\n\n`,
  'no JSON': (message) => `data: <html>${message}\n\n`,
};
const anthropicReports: typeof reports = {
  'an error event': (message) => data({ type: 'error', error: { type: 'x', message } }, 'error'),
  'an error without its name': (message) => data({ type: 'error', error: { message } }),
  'an event of that name': (message) => data({ error: { message } }, 'error'),
  'an error in the last member': (message) =>
    data({ delta: { text: message }, type: 'error' }, 'content_block_delta'),
  'no JSON': (message) => `event: error\ndata: ${message}\n\n`,
};
const translators = {
  'OpenAI, usage asked for': { dialect: openai, wanted: true, reports, begun: begun.openai },
  'OpenAI, usage withheld': { dialect: openai, wanted: false, reports, begun: begun.openai },
  Anthropic: {
    dialect: anthropic,
    wanted: true,
    reports: anthropicReports,
    begun: begun.anthropic,
  },
} as const;

/** What a client has been sent once these chunks have come and the body has ended. */
const clientReads = (translator: ReturnType<typeof passThrough>, chunks: readonly Uint8Array[]) => {
  const pieces: Piece[] = [...chunks.map((chunk) => translator.read(chunk)), translator.end()];
  const failure = pieces
    .flatMap(({ deltas }) => deltas)
    .find((delta): delta is Failure => delta.kind === 'failed');
  const parts = pieces.flatMap(({ bytes, failedEvent }) => {
    const event =
      failure === undefined || failedEvent === undefined
        ? null
        : toldEvent(failure, failedEvent, told);
    return [bytes ?? Buffer.alloc(0), event ?? Buffer.alloc(0)];
  });
  return { text: Buffer.concat(parts).toString(), failure };
};
const cutAt = (text: string, places: readonly number[]): Uint8Array[] => {
  const whole = Buffer.from(text);
  const ends = [...new Set(places.map((place) => place % whole.length)), whole.length];
  return ends.toSorted((a, b) => a - b).map((end, i, all) => whole.subarray(all[i - 1] ?? 0, end));
};

describe.each(Object.entries(translators))('%s', (_, { dialect, wanted, reports, begun }) => {
  const translator = (maxEventBytes?: number) =>
    passThrough({
      ...dialect,
      parameters: { wantsStreamUsage: wanted },
      operation: 'chat',
      stream: true,
      ...(maxEventBytes === undefined ? {} : { limits: { maxEventBytes } }),
    });
  const quoting = (written: string): string => `Incorrect API key provided: ${written}.`;

  test.each(Object.entries(reports))(
    '%s, cut at any one byte, tells no credential and comes first through whole',
    (_name, report) => {
      const event = report(quoting(secret));
      for (let at = 0; at <= event.length; at += 1) {
        const chunks = [Buffer.from(begun + event.slice(0, at)), Buffer.from(event.slice(at))];
        const { text, failure } = clientReads(translator(), chunks);
        expect(text.startsWith(begun)).toBe(true);
        expect(failure).toBeDefined();
        expect(text).not.toContain(secret.slice(3, 17));
      }
    },
  );

  test('no cuts and no form in which it is quoted let a credential through', () => {
    const anyForm = fc.constantFrom(...forms);
    const anyReport = fc.constantFrom(...Object.values(reports));
    const cuts = fc.array(fc.nat(5000), { maxLength: 12 });
    fc.assert(
      fc.property(anyForm, anyReport, cuts, (form, report, places) => {
        const sent = begun + report(quoting(form.write(secret)));
        expect(recovers(clientReads(translator(), cutAt(sent, places)).text, secret)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  test('nor does a body that ends in the middle of the event, or without its blank line', () => {
    for (const report of Object.values(reports)) {
      const event = report(quoting(secret));
      for (let at = 0; at < event.length; at += 1) {
        const { text } = clientReads(translator(), [Buffer.from(begun + event.slice(0, at))]);
        expect(text).not.toContain(secret.slice(3, 17));
      }
    }
  });

  test('an event that is larger than events may be does not go on', () => {
    const [report] = Object.values(reports);
    const event = report?.(quoting(secret).padEnd(5_000, ' and more')) ?? '';
    const sent = [begun, ...(event.match(/[^]{1,300}/g) ?? [])].map((text) => Buffer.from(text));
    const { text, failure } = clientReads(translator(2_000), sent);
    expect(failure?.type).toBe('event_too_large');
    expect(text).toBe(begun);
  });

  test('an error larger than errors are is told in our own form', () => {
    const [report] = Object.values(reports);
    const event = report?.(quoting(secret).padEnd(maxErrorBytes, ' and more')) ?? '';
    const { text, failure } = clientReads(translator(), [Buffer.from(begun + event)]);
    expect(failure?.by).toBe('theirs');
    expect(text).toBe(begun);
  });
});

const closing = closeAfterEach();
const started = async (answer: RawAnswer) => {
  const upstream = await startRaw(answer);
  closing.push(() => upstream.close());
  const harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }`);
  closing.push(() => harness.close());
  return harness;
};
const ask = (url: string) =>
  post(`${url}/v1/chat/completions`, clientKey, {
    model: 'gpt-x',
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: 'user', content: 'a question' }],
  });

test('a client that waits in the middle of the event has got none of it; the rest comes cleaned', async () => {
  const words = `You sent Bearer ${openaiSecret}, which`;
  const event = data({ error: { message: `${words} is wrong.`, type: 'server_error' } });
  const at = event.indexOf(', which');
  const harness = await started((socket) => {
    socket.write(chunkedHead() + httpChunk(begun.openai + event.slice(0, at)));
    setTimeout(() => socket.write(httpChunk(event.slice(at)) + lastChunk), 100);
  });
  const reply = await ask(harness.url);
  expect(reply.body.toString()).toBe(
    begun.openai + event.replace(`Bearer ${openaiSecret}`, 'Bearer [redacted]'),
  );
  const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
  expect(settlement).toMatchObject({ outcome: 'broken', errorCode: 'stream_failed' });
});

test('a stream that dies in the middle of an event ends with our error, in a line of its own', async () => {
  const harness = await started((socket) => {
    socket.write(chunkedHead() + httpChunk(begun.openai));
    setTimeout(() => socket.end(httpChunk(`data: {"error":{"message":"${openaiSecret}`)), 100);
  });
  const { body } = await ask(harness.url);
  const [, ...events] = body.toString().split('\n\n');
  expect(events).toEqual([expect.stringMatching(/^data: \{"error":\{.*stream_cut/), '']);
});
