import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Delta, Piece } from '../../../gateway/src/model/delta.ts';
import { anthropic, openai } from '../dialects/both.ts';
import {
  passThrough,
  translating,
  type ReplyTranslator,
} from '../../../gateway/src/translate/reply.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const chunk = (choices: unknown[], more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...more })}\n\n`;
const say = (content: string) => chunk([{ index: 0, delta: { content }, finish_reason: null }]);
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const before = [
  say('Grüße, '),
  ': a comment\n\n',
  say('日本 🚀\u0000 "\\n" [] "usage"'),
  chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
].join('');
const extra = chunk([], { usage });
const done = 'data: [DONE]\n\n';

const streamed = (wantsStreamUsage: boolean) =>
  passThrough({ ...openai, parameters: { wantsStreamUsage }, operation: 'chat', stream: true });

/** Splits at the given places, which may be any, also inside a character. */
const splitAt = (whole: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const place of [...places, whole.length]) {
    parts.push(whole.slice(from, place));
    from = place;
  }
  return parts;
};

const run = (translator: ReplyTranslator, chunks: readonly Uint8Array[]) => {
  const pieces: Piece[] = [...chunks.map((part) => translator.read(part)), translator.end()];
  return {
    text: Buffer.concat(pieces.flatMap((piece) => piece.bytes ?? [])).toString(),
    deltas: pieces.flatMap((piece) => piece.deltas),
  };
};

const expected: Delta[] = [
  { kind: 'opened', id: 'c1', model: 'm' },
  { kind: 'text', text: 'Grüße, ' },
  { kind: 'text', text: '日本 🚀\u0000 "\\n" [] "usage"' },
  { kind: 'stopped', reason: 'stop', raw: 'stop', stopSequence: null },
  {
    kind: 'usage',
    final: true,
    usage: {
      tokens: expect.objectContaining({ input_uncached: 7, output_text: 3 }),
      units: {},
      clamped: false,
      serviceTier: null,
      dimensions: {},
    },
  },
  { kind: 'ended' },
];

test('with nothing to withhold the same bytes go out, at any split', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { maxLength: 40 }), (places) => {
      const { text } = run(streamed(true), splitAt(bytes(before + extra + done), places));
      expect(text).toBe(before + extra + done);
    }),
  );
});

test.each([
  ['\n', true],
  ['\n', false],
  ['\r\n', true],
  ['\r\n', false],
])(
  'a chunk of whole events is the very same object (%j, usage wanted: %s)',
  (lineEnd, wantsStreamUsage) => {
    const translator = streamed(wantsStreamUsage);
    for (const text of [say('a') + say('b'), say('c')]) {
      const part = bytes(text.replaceAll('\n', lineEnd));
      expect(translator.read(part).bytes).toBe(part);
    }
  },
);

test.each([true, false])(
  'a whole event goes out at once although another is incomplete behind it (usage wanted: %s)',
  (wantsStreamUsage) => {
    const { bytes: sent, deltas } = streamed(wantsStreamUsage).read(bytes(`${say('a')}data: {"ch`));
    expect(Buffer.from(sent ?? []).toString()).toBe(say('a'));
    expect(deltas).toEqual([
      { kind: 'opened', id: 'c1', model: 'm' },
      { kind: 'text', text: 'a' },
    ]);
  },
);

const lineEnds = fc.constantFrom('\n', '\r\n', '\r');
const cuts = fc.array(fc.nat(5000), { maxLength: 40 });

test('any split of the bytes gives the same deltas', () => {
  fc.assert(
    fc.property(cuts, lineEnds, fc.boolean(), (places, lineEnd, wantsStreamUsage) => {
      const whole = (before + extra + done).replaceAll('\n', lineEnd);
      const { deltas } = run(streamed(wantsStreamUsage), splitAt(bytes(whole), places));
      expect(deltas).toEqual(expected);
    }),
  );
});

test('exactly the usage event that the client did not ask for is withheld, at any split', () => {
  fc.assert(
    fc.property(cuts, lineEnds, (places, lineEnd) => {
      const lines = (text: string) => text.replaceAll('\n', lineEnd);
      const { text } = run(streamed(false), splitAt(bytes(lines(before + extra + done)), places));
      expect(text).toBe(lines(before + done));
    }),
  );
});

test('usage inside an event that also says something is not withheld', () => {
  const last = chunk([{ index: 0, delta: { content: 'x' }, finish_reason: 'stop' }], { usage });
  const { text, deltas } = run(streamed(false), [bytes(last + done)]);
  expect(text).toBe(last + done);
  expect(deltas.filter(({ kind }) => kind === 'usage')).toHaveLength(1);
});

test.each([true, false])(
  'an event in which a stream dies does not go on, and the stream has no end (usage wanted: %s)',
  (wanted) => {
    const { text, deltas } = run(streamed(wanted), [bytes(before), bytes('data: {"id":"c1"')]);
    expect(text).toBe(before);
    expect(deltas.map(({ kind }) => kind)).not.toContain('ended');
  },
);

test.each([true, false])(
  'an end that lacks only its blank line is an end (usage wanted: %s)',
  (wanted) => {
    const { text, deltas } = run(streamed(wanted), [bytes(`${before}data: [DONE]`)]);
    expect(text).toBe(`${before}data: [DONE]`);
    expect(deltas.at(-1)).toEqual({ kind: 'ended' });
  },
);

test('nothing is ever withheld from an Anthropic stream', () => {
  const start = `event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"c","usage":{"input_tokens":1,"output_tokens":1}}}\n\n`;
  const parameters = { wantsStreamUsage: true };
  const translator = passThrough({ ...anthropic, parameters, operation: 'chat', stream: true });
  const part = bytes(start);
  expect(translator.read(part).bytes).toBe(part);
});

test.each([true, false])(
  'an event above its limit fails the stream (usage wanted: %s)',
  (wanted) => {
    const translator = passThrough({
      ...openai,
      parameters: { wantsStreamUsage: wanted },
      operation: 'chat',
      stream: true,
      limits: { maxEventBytes: 1000 },
    });
    const { deltas } = run(translator, [
      bytes(`data: ${'x'.repeat(600)}`),
      bytes('x'.repeat(600)),
      bytes(done),
    ]);
    expect(deltas).toMatchObject([
      { kind: 'failed', type: 'event_too_large', message: expect.stringContaining('1000 bytes') },
    ]);
  },
);

test('an event that is no JSON fails the stream, and nothing after it is read', () => {
  const { deltas } = run(streamed(true), [bytes(`data: <html>\n\n${say('a')}${done}`)]);
  expect(deltas).toEqual([expect.objectContaining({ kind: 'failed', type: 'invalid_event' })]);
});

const whole = (limits = {}) =>
  passThrough({
    ...openai,
    parameters: { wantsStreamUsage: false },
    operation: 'chat',
    stream: false,
    limits,
  });

test('a whole reply keeps its bytes and is read once it has ended', () => {
  const body = `{ "id":"c2","model":"m", "choices":[{"index":0,"message":{"role":"assistant","content":"é"},"finish_reason":"length"}],"usage":${JSON.stringify(usage)} }`;
  fc.assert(
    fc.property(cuts, (places) => {
      const { text, deltas } = run(whole(), splitAt(bytes(body), places));
      expect(text).toBe(body);
      expect(deltas.map(({ kind }) => kind)).toEqual([
        'opened',
        'text',
        'usage',
        'stopped',
        'ended',
      ]);
    }),
    { numRuns: 20 },
  );
});

test('a whole reply above its limit fails once, and its bytes are given up', () => {
  const { text, deltas } = run(whole({ maxReplyBytes: 10 }), [
    bytes('{"a":1'),
    bytes('234567'),
    bytes('}'),
  ]);
  expect(text).toBe('');
  expect(deltas).toEqual([expect.objectContaining({ kind: 'failed', type: 'reply_too_large' })]);
});

test.each(['<html>', '{"hello":1}', '[]', ''])(
  'a whole reply %j is not one of the dialect',
  (body) => {
    expect(run(whole(), [bytes(body)]).deltas).toEqual([
      expect.objectContaining({ kind: 'failed', type: 'invalid_reply' }),
    ]);
  },
);

const anthropicEvent = (type: string, more: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const anthropicWhole = [
  anthropicEvent('message_start', {
    message: { id: 'm1', model: 'c', usage: { input_tokens: 1, output_tokens: 1 } },
  }),
  anthropicEvent('ping'),
  anthropicEvent('content_block_delta', { delta: { type: 'text_delta', text: 'Grüße 🚀' } }),
  anthropicEvent('message_delta', {
    delta: { stop_reason: 'end_turn' },
    usage: { output_tokens: 2 },
  }),
].join('');
const messageStop = anthropicEvent('message_stop');
const streams = {
  'OpenAI, usage wanted': {
    dialect: openai,
    wanted: true,
    sent: before + extra,
    told: before + extra,
    end: done,
  },
  'OpenAI, usage withheld': {
    dialect: openai,
    wanted: false,
    sent: before + extra,
    told: before,
    end: done,
  },
  Anthropic: {
    dialect: anthropic,
    wanted: true,
    sent: anthropicWhole,
    told: anthropicWhole,
    end: messageStop,
  },
} as const;

describe.each(Object.entries(streams))('%s', (_, { dialect, wanted, sent, told, end }) => {
  const translator = () =>
    passThrough({
      ...dialect,
      parameters: { wantsStreamUsage: wanted },
      operation: 'chat',
      stream: true,
    });
  const kindsOf = (deltas: readonly Delta[]) => deltas.map(({ kind }) => kind);
  const late = fc.constantFrom(
    '',
    ': a comment\n\n',
    'data: {"error":{"message":"late"}}\n\n',
    anthropicEvent('error', { error: { type: 'api_error', message: 'late' } }),
    'data: <html>',
    say('more'),
    end,
    '\n\n\n',
  );

  test('nothing behind the last event goes on or is read, at any split', () => {
    fc.assert(
      fc.property(cuts, lineEnds, fc.array(late, { maxLength: 3 }), (places, lineEnd, behind) => {
        const lines = (text: string) => text.replaceAll('\n', lineEnd);
        const whole = bytes(lines(sent + end + behind.join('')));
        const { text, deltas } = run(translator(), splitAt(whole, places));
        // After a CR the next byte tells whether an LF belongs to the event; the first byte behind it may be let through.
        const rest = text.slice(lines(told + end).length);
        expect(text.startsWith(lines(told + end))).toBe(true);
        expect(rest.replaceAll(/[\r\n]/g, '')).toBe('');
        expect(kindsOf(deltas).filter((kind) => kind === 'ended')).toHaveLength(1);
        expect(deltas.at(-1)).toEqual({ kind: 'ended' });
      }),
    );
  });

  test('the last event is supplied where all has stopped, at any split and however the stream breaks off its lines', () => {
    fc.assert(
      fc.property(cuts, lineEnds, fc.constantFrom(0, 1, 2), (places, lineEnd, cut) => {
        const whole = sent.replace(/\n\n$/, '\n'.repeat(2 - cut)).replaceAll('\n', lineEnd);
        const { text, deltas } = run(translator(), splitAt(bytes(whole), places));
        expect(text.endsWith(end)).toBe(true);
        // A reader of events finds the same ones as in a stream that was whole.
        const again = run(translator(), [bytes(text)]);
        const known = kindsOf(deltas).filter((kind) => wanted || kind !== 'usage');
        expect(kindsOf(again.deltas)).toEqual(known);
        expect(deltas.at(-1)).toEqual({ kind: 'ended' });
      }),
    );
  });

  test('a stream that is cut at any byte before all has stopped has no end', () => {
    const stops = sent.search(/finish_reason":"stop"|"stop_reason":"end_turn"/);
    fc.assert(
      fc.property(fc.nat(stops), (at) => {
        const { text, deltas } = run(translator(), [bytes(sent).subarray(0, at)]);
        expect(kindsOf(deltas)).not.toContain('ended');
        expect(text).not.toContain(end);
      }),
    );
  });
});

const head = { model: 'm', createdSeconds: 1, fallbackId: 'f', wantsStreamUsage: true };
const openaiBehind = chunk([], { usage: { prompt_tokens: 70, completion_tokens: 30 } });
const anthropicBehind = anthropicEvent('message_delta', {
  usage: { input_tokens: 70, output_tokens: 30 },
});
const translators = Object.entries(streams).flatMap(([name, { dialect, wanted, sent, end }]) => {
  const parameters = { wantsStreamUsage: wanted };
  const [to, behind] = dialect === openai ? [anthropic, openaiBehind] : [openai, anthropicBehind];
  const same = () => passThrough({ ...dialect, parameters, operation: 'chat', stream: true });
  const other = () => translating({ from: dialect.upstream, to: to.client, head, stream: true });
  return [
    { name, start: same, sent, end, behind },
    { name: `${name}, translated`, start: other, sent, end, behind },
  ];
});

test.each(translators)(
  '$name: usage behind the last event is read when it came in the same chunk, and never goes on',
  ({ start, sent, end, behind }) => {
    const between = fc.constantFrom('', ': a comment\n\n', say('more'), 'data: <html>\n\n', end);
    const lines = fc.constantFrom('\n', '\r\n');
    // Half of the cuts lie where it matters.
    const near = fc.array(fc.nat(600), { maxLength: 2 });
    fc.assert(
      fc.property(cuts, near, lines, between, (places, nearPlaces, lineEnd, noise) => {
        const size = (text: string) => bytes(text.replaceAll('\n', lineEnd)).length;
        const whole = bytes((sent + end + noise + behind).replaceAll('\n', lineEnd));
        const endAt = size(sent + end);
        const cutAt = [
          ...places.filter((place) => place < endAt - 600),
          ...nearPlaces.map((place) => endAt - 300 + place),
        ];
        const chunks = splitAt(whole, cutAt);
        const { text, deltas } = run(start(), chunks);
        expect(text).toBe(run(start(), [whole.subarray(0, endAt)]).text);

        let read = 0;
        const chunkEnds = chunks.map((part) => (read += part.length));
        const isTogether = !chunkEnds.some((at) => at >= endAt && at < whole.length);
        const afterEnd = deltas.slice(deltas.findIndex(({ kind }) => kind === 'ended') + 1);
        const tokens = expect.objectContaining({ input_uncached: 70, output_text: 30 });
        const usageBehind = {
          kind: 'usage',
          final: true,
          usage: expect.objectContaining({ tokens }),
        };
        // Cut within its last line end, an event is over for a reader that takes CR for one, and not yet for another.
        const isCutAt = (at: number) => lineEnd === '\r\n' && chunkEnds.includes(at - 1);
        const isEither = isCutAt(endAt) || isCutAt(whole.length);
        const wanted = isTogether ? [usageBehind] : [];
        expect(isEither ? wanted : afterEnd).toEqual(wanted);
      }),
    );
  },
);
