/** Steps of a call over real sockets: one that answers, one that refuses, one that holds a reply while it thinks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { plain, refusalFor } from '../../../../gateway/src/decide/refuse.ts';
import type { Step } from '../../../../gateway/src/flow/step.ts';
import { steps as registered } from '../../../../gateway/src/flow/steps/registry.ts';
import type { Piece } from '../../../../gateway/src/model/delta.ts';
import type { Fault } from '../../../../gateway/src/model/fault.ts';
import type { Reply, ReplyEnd, ReplyReader } from '../../../../gateway/src/model/reply.ts';
import { eventually } from '../../../fakes/journal.ts';
import {
  chunkOf,
  doneChunk,
  json,
  sse,
  startScripted,
  usageChunk,
  wholeChat,
  type Answering,
} from '../upstream/scripted.ts';
import { closeAfterEach } from './closing.ts';
import { key, startHarness } from './harness.ts';
import { send } from './http-client.ts';

const closing = closeAfterEach();

const started = async (step: Step | readonly Step[], answer: Answering) => {
  const upstream = await startScripted(answer);
  closing.push(() => upstream.close());
  const harness = await startHarness(
    `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }`,
    [...registered, ...[step].flat()],
  );
  closing.push(() => harness.close());
  const ask = (stream: boolean) =>
    send(`${harness.url}/v1/chat/completions`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o-mini',
        stream,
        messages: [{ role: 'user', content: 'a question' }],
      }),
    });
  return { upstream, harness, ask };
};

const whole: Answering = (response) => void response.writeHead(200, json).end(wholeChat());

/** A reply out of memory, all of it at once. */
const remembered = (body: string): Reply => ({
  head: () => ({ isStream: false, headers: { 'content-type': 'application/json' } }),
  start(reader) {
    reader.end({ kind: 'complete' }, { bytes: Buffer.from(body), deltas: [] });
  },
  pause: () => {},
  resume: () => {},
  leave: () => {},
});

test('a step answers: the client has a whole reply that cost nothing, and no provider heard of it', async () => {
  const { upstream, harness, ask } = await started(
    {
      name: 'memory',
      look: () => ({ kind: 'answer', reply: remembered(wholeChat('again')), cache: 'hit' }),
    },
    whole,
  );
  const reply = await ask(false);
  expect(reply).toMatchObject({
    status: 200,
    headers: {
      'x-tollgate-cache': 'hit',
      'x-tollgate-cost-usd': '0',
      'x-tollgate-attempts': '0',
      'content-length': String(wholeChat('again').length),
    },
  });
  expect(reply.body.toString()).toBe(wholeChat('again'));
  expect(upstream.received).toEqual([]);
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'answered', cacheStatus: 'hit', attempts: [] });
});

test('a step refuses: the client reads why, and no provider heard of it', async () => {
  const refusal = {
    ...refusalFor(plain('too_many_bytes_of_key')),
    message: 'Too much today.',
    retryAfterMs: 2500,
    headers: { 'x-limit': 'day' },
  };
  const { upstream, ask } = await started(
    { name: 'limit', look: () => ({ kind: 'refuse', refusal }) },
    whole,
  );
  const reply = await ask(false);
  expect(reply).toMatchObject({
    status: 429,
    headers: { 'retry-after': '3', 'retry-after-ms': '2500', 'x-limit': 'day' },
  });
  expect(reply.body.toString()).toContain('Too much today.');
  expect(upstream.received).toEqual([]);
});

const blocked: Fault = {
  kind: 'gateway',
  code: 'stream_failed',
  status: 200,
  message: 'Something forbidden was said.',
  recourse: 'none',
  retryAfterMs: null,
  mayBeBilled: true,
  said: null,
};

/**
 * Asks about each piece that has words, and passes it when the answer is yes. At most `mostHeld` pieces wait: then the
 * provider does too.
 */
class Watched implements Reply, ReplyReader {
  readonly #inner: Reply;
  readonly #mayPass: (text: string) => Promise<boolean>;
  #reader: ReplyReader | null = null;
  #waiting = Promise.resolve();
  #over = false;
  held = 0;
  mostHeld = 0;

  constructor(inner: Reply, mayPass: (text: string) => Promise<boolean>) {
    this.#inner = inner;
    this.#mayPass = mayPass;
  }

  head() {
    return this.#inner.head();
  }
  start(reader: ReplyReader) {
    this.#reader = reader;
    this.#inner.start(this);
  }
  pause() {
    this.#inner.pause();
  }
  resume() {
    this.#inner.resume();
  }
  leave() {
    this.#over = true;
    this.#inner.leave();
  }

  piece(piece: Piece) {
    this.held += 1;
    this.mostHeld = Math.max(this.mostHeld, this.held);
    if (this.held === 4) this.#inner.pause();
    this.#then(async () => {
      const isGood = await this.#isGood(piece);
      this.held -= 1;
      if (this.held === 3) this.#inner.resume();
      if (isGood) this.#reader?.piece(piece);
      else this.#block();
    });
  }
  end(end: ReplyEnd, last: Piece | null) {
    this.#then(async () => {
      if (last === null || (await this.#isGood(last))) this.#reader?.end(end, last);
      else this.#block();
    });
  }

  async #isGood({ deltas }: Piece): Promise<boolean> {
    const text = deltas.map((delta) => (delta.kind === 'text' ? delta.text : '')).join('');
    return text === '' || this.#mayPass(text);
  }

  #block() {
    this.leave();
    this.#reader?.end({ kind: 'fault', fault: blocked, isTold: false }, null);
  }
  #then(work: () => Promise<void>) {
    this.#waiting = this.#waiting.then(() => (this.#over ? undefined : work()));
  }
}

/** A step that watches; `watched` is the reply of the last call. */
const watching = (mayPass: (text: string) => Promise<boolean>) => {
  const seen: Watched[] = [];
  const step: Step = {
    name: 'watch',
    wrap(reply) {
      const watched = new Watched(reply, mayPass);
      seen.push(watched);
      return watched;
    },
  };
  return { step, seen };
};

const words = (...texts: readonly string[]): string =>
  texts.map((content) => chunkOf({ content })).join('');
const finish = chunkOf({}, 'stop') + usageChunk + doneChunk;

test('a reply is held while a step thinks: its bytes reach the client as they were, the call is answered', async () => {
  const { step } = watching(async () => {
    await sleep(5);
    return true;
  });
  const { harness, ask } = await started(step, (response) => {
    response.writeHead(200, sse).write(words('one'));
    response.write(words('two', 'three'));
    response.end(finish);
  });
  const reply = await ask(true);
  expect(reply.status).toBe(200);
  expect(reply.body.toString()).toBe(
    words('one', 'two', 'three') + chunkOf({}, 'stop') + doneChunk,
  );
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'answered', streamOutcome: 'complete' });
});

test('a step that says no ends the reply: the client has what passed and an error, and what was spent is booked', async () => {
  const { step } = watching((text) => Promise.resolve(text !== 'secret'));
  const { upstream, harness, ask } = await started(step, async (response) => {
    response.writeHead(200, sse).write(words('one'));
    for (const text of ['two', 'secret', 'four']) {
      await sleep(20);
      response.write(words(text));
    }
  });
  const reply = await ask(true);
  const text = reply.body.toString();
  expect(text.startsWith(words('one', 'two'))).toBe(true);
  expect(text).toContain('Something forbidden was said.');
  expect(text).not.toContain('secret');
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'broken', errorCode: 'stream_failed' });
  expect(settlement.attempts[0]?.usage.tokens.output_text).toBeGreaterThan(0);
  await eventually(() => upstream.received[0]?.gone === true, 'the provider was left');
});

test.each([
  ['a whole reply', false, wholeChat('secret')],
  ['a stream of one piece', true, words('secret') + finish],
])('a step that says no hears the words of %s too', async (_, stream, body) => {
  const { step } = watching((text) => Promise.resolve(text !== 'secret'));
  const { ask } = await started(step, (response) => {
    response.writeHead(200, stream ? sse : json).end(body);
  });
  const reply = await ask(stream);
  expect(reply.status).toBe(502);
  expect(reply.body.toString()).toContain('Something forbidden was said.');
  expect(reply.body.toString()).not.toContain('secret');
});

test('an answer of a step goes back through the steps before it, and not through those behind', async () => {
  const seen: string[] = [];
  const watch = (name: string): Step => ({
    name,
    wrap(reply) {
      seen.push(name);
      return reply;
    },
  });
  const memory: Step = {
    name: 'memory',
    look: () => ({ kind: 'answer', reply: remembered(wholeChat('again')), cache: 'hit' }),
  };
  const { ask } = await started([watch('first'), watch('second'), memory, watch('last')], whole);
  expect((await ask(false)).status).toBe(200);
  expect(seen).toEqual(['second', 'first']);
});

test('a whole reply is held as well: it is told when the step knows, with its cost', async () => {
  const { step } = watching(async () => {
    await sleep(20);
    return true;
  });
  const { ask } = await started(step, whole);
  const reply = await ask(false);
  expect(reply).toMatchObject({ status: 200, headers: { 'x-tollgate-attempts': '1' } });
  expect(reply.body.toString()).toBe(wholeChat());
  expect(Number(reply.headers['x-tollgate-cost-usd'])).toBeGreaterThan(0);
});

test('a whole reply that a step ends is an error of its own, not the begin of a reply', async () => {
  const step: Step = {
    name: 'no',
    wrap: (inner) => ({
      head: () => inner.head(),
      start(reader) {
        inner.leave();
        reader.end({ kind: 'fault', fault: blocked, isTold: false }, null);
      },
      pause: () => {},
      resume: () => {},
      leave: () => {},
    }),
  };
  const { ask } = await started(step, whole);
  const reply = await ask(false);
  expect(reply.status).toBe(502);
  expect(reply.body.toString()).toContain('Something forbidden was said.');
});

test('while a step thinks the provider waits: little is held', async () => {
  let mayGoOn: () => void = () => {};
  const first = new Promise<void>((resolve) => {
    mayGoOn = resolve;
  });
  const { step, seen } = watching(async () => {
    await first;
    return true;
  });
  const long = 'x'.repeat(16 * 1024);
  const { ask } = await started(step, (response) => {
    response.writeHead(200, sse);
    for (let i = 0; i < 512; i += 1) response.write(words(`${i}${long}`));
    response.end(finish);
  });
  const asked = ask(true);
  await eventually(() => (seen[0]?.held ?? 0) > 0, 'something is held');
  await sleep(200);
  // What had been read from the socket before it was paused.
  expect(seen[0]?.mostHeld).toBeLessThan(64);
  mayGoOn();
  expect((await asked).body.toString()).toContain(`511${long}`);
});
