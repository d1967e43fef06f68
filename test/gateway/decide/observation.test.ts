import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimateTokens } from '../../../gateway/src/decide/estimate.ts';
import { observeReply } from '../../../gateway/src/decide/observation.ts';
import { unreadable, type Delta } from '../../../gateway/src/model/delta.ts';
import {
  inputTokens,
  noTokens,
  outputTokens,
  type Usage,
} from '../../../gateway/src/model/usage.ts';

const asSaid = (name: string): string => name;

const usage = (more: Partial<Usage['tokens']> = {}, clamped = false): Usage => ({
  tokens: { ...noTokens, ...more },
  units: {},
  clamped,
  serviceTier: null,
  dimensions: {},
});
const said = (tokens: Partial<Usage['tokens']>, final: boolean, clamped = false): Delta => ({
  kind: 'usage',
  usage: usage(tokens, clamped),
  final,
});
const text = (words: string): Delta => ({ kind: 'text', text: words });
const stopped: Delta = { kind: 'stopped', reason: 'stop', raw: 'end_turn', stopSequence: null };

const anyText = fc.string({ maxLength: 40 });
const anyDelta: fc.Arbitrary<Delta> = fc.oneof(
  fc.record({ kind: fc.constant('opened' as const), id: anyText, model: anyText }),
  fc.record({ kind: fc.constantFrom('text', 'reasoning', 'refusal'), text: anyText }),
  fc.record({ kind: fc.constant('reasoning_signature' as const), signature: anyText }),
  fc.record({
    kind: fc.constant('tool_started' as const),
    index: fc.nat(3),
    id: anyText,
    name: anyText,
  }),
  fc.record({ kind: fc.constant('tool_arguments' as const), index: fc.nat(3), text: anyText }),
  fc.record({
    kind: fc.constant('usage' as const),
    final: fc.boolean(),
    usage: fc
      .tuple(fc.nat(1000), fc.nat(20), fc.nat(20), fc.boolean())
      .map(([input, output, reasoning, clamped]) =>
        usage({ input_uncached: input, output_text: output, output_reasoning: reasoning }, clamped),
      ),
  }),
  fc.constant(stopped),
  fc.constant({ kind: 'ended' } as const),
  fc.tuple(anyText, anyText).map(([type, message]) => unreadable(type, message)),
  fc.constant({ kind: 'other_content' } as const),
);
const anyReply = fc.array(fc.array(anyDelta, { maxLength: 4 }), { maxLength: 12 });

/** Text that a client can see, as one. */
const visible = (reply: readonly (readonly Delta[])[]): string =>
  reply
    .flat()
    .map((delta) => {
      switch (delta.kind) {
        case 'text':
        case 'reasoning':
        case 'refusal':
        case 'tool_arguments':
          return delta.text;
        case 'tool_started':
          return delta.name;
        case 'opened':
        case 'reasoning_signature':
        case 'other_content':
        case 'usage':
        case 'stopped':
        case 'ended':
        case 'failed':
          return '';
      }
    })
    .join('');

const observedOf = (reply: readonly (readonly Delta[])[]) => {
  const observed = observeReply(asSaid);
  for (const [i, deltas] of reply.entries()) observed.read(deltas, 100 * i);
  return observed;
};

test("the provider's last word is taken as it is, or marked partial when it did not add up", () => {
  fc.assert(
    fc.property(anyReply, fc.boolean(), (reply, clamped) => {
      const last = said({ input_uncached: 7, output_text: 9 }, true, clamped);
      const found = observedOf([...reply, [last]]).usage(() => {
        throw new Error('nobody needs to count the input');
      });
      expect(found).toEqual({
        usage: usage({ input_uncached: 7, output_text: 9 }, clamped),
        source: clamped ? 'partial' : 'provider',
      });
    }),
  );
});

test('a provider that said nothing: input and output are counted by us', () => {
  fc.assert(
    fc.property(anyReply, fc.nat(5000), (reply, input) => {
      const silent = reply.map((deltas) => deltas.filter(({ kind }) => kind !== 'usage'));
      const found = observedOf(silent).usage(() => input);
      expect(found.source).toBe('estimated');
      expect(found.usage.tokens).toEqual({
        ...noTokens,
        input_uncached: input,
        output_text: estimateTokens(visible(silent)),
      });
    }),
  );
});

test('a provider that did not finish: its input stands, its output is what it said or what we saw, the larger', () => {
  fc.assert(
    fc.property(anyReply, (reply) => {
      const unfinished = reply.map((deltas) =>
        deltas.map((delta) => (delta.kind === 'usage' ? { ...delta, final: false } : delta)),
      );
      const words = unfinished
        .flat()
        .flatMap((delta) => (delta.kind === 'usage' ? [delta.usage] : []));
      const last = words.at(-1);
      if (last === undefined) return;
      const found = observedOf(unfinished).usage(() => 0);
      expect(found.source).toBe('partial');
      expect(inputTokens(found.usage.tokens)).toBe(inputTokens(last.tokens));
      expect(outputTokens(found.usage.tokens)).toBe(
        Math.max(outputTokens(last.tokens), estimateTokens(visible(unfinished))),
      );
      expect(found.usage.tokens.output_reasoning).toBe(last.tokens.output_reasoning);
    }),
  );
});

test('a reply has begun with its first content, and not before', () => {
  const observed = observeReply(asSaid);
  observed.read([{ kind: 'opened', id: 'i', model: 'm' }, said({}, false)], 1);
  observed.read([], 2);
  observed.read([unreadable('t', 'm')], 3);
  expect(observed.begun()).toBe(false);
  observed.read([text('a')], 4);
  expect(observed.begun()).toBe(true);
  expect(observed.reading()).toMatchObject({
    firstContentMs: 4,
    chunks: 4,
    model: 'm',
    upstreamId: 'i',
  });
  expect(observed.failure()).toEqual(unreadable('t', 'm'));
  expect(observed.ended()).toBe(false);
});

test('a reply that is empty but whole has begun too', () => {
  expect(observedOf([[stopped], [{ kind: 'ended' }]]).begun()).toBe(true);
  expect(observedOf([[stopped]]).reading().finishReason).toBe('end_turn');
  expect(observedOf([[stopped]]).ended()).toBe(false);
  expect(observedOf([[{ kind: 'ended' }]]).ended()).toBe(true);
});

test('the longest silence is between two pieces with content', () => {
  const observed = observeReply(asSaid);
  for (const [ms, deltas] of [
    [0, []],
    [500, [text('a')]],
    [700, [said({}, false)]],
    [900, [text('b')]],
    [1000, [text('c')]],
    [5000, []],
  ] as const)
    observed.read(deltas, ms);
  expect(observed.reading()).toMatchObject({
    firstContentMs: 500,
    lastContentMs: 1000,
    maxGapMs: 400,
    chunks: 6,
  });
});

test('memory is bounded: of a reply without end its length is kept, and still counted', () => {
  const observed = observeReply(asSaid);
  const chunk = 'word '.repeat(10_000);
  for (let i = 0; i < 100; i += 1) observed.read([text(chunk)], i);
  const chars = 100 * chunk.length;
  expect(observed.outputSoFar()).toBe(chars / 4);
  const { output_text: output } = observed.usage(() => 0).usage.tokens;
  expect(output).toBeGreaterThan(chars / 8);
  expect(output).toBeLessThan(chars / 2);
});

test('counts that cannot be are counted by us, side by side; the other side stands', () => {
  const found = (impossible: Usage['impossible'], tokens: Partial<Usage['tokens']>) => {
    const observed = observeReply(asSaid);
    const wrong: Usage = { ...usage(tokens, true), ...(impossible && { impossible }) };
    observed.read(
      [text('some words of the reply'), { kind: 'usage', usage: wrong, final: true }],
      1,
    );
    const { usage: booked, source } = observed.usage(() => 1000);
    return [source, inputTokens(booked.tokens), outputTokens(booked.tokens)];
  };
  const words = estimateTokens('some words of the reply');
  expect(found(['input'], { output_text: 2 })).toEqual(['partial', 1000, 2]);
  expect(found(['output'], { input_uncached: 7 })).toEqual(['partial', 7, words]);
  expect(found(['input', 'output'], {})).toEqual(['estimated', 1000, words]);
});

test('nothing used for something said is not believed', () => {
  const booked = observedOf([[text('some words'), said({}, true)]]).usage(() => 1000);
  expect(booked.source).toBe('estimated');
  expect(booked.usage.tokens).toMatchObject({ input_uncached: 1000 });
  // An empty reply may be free.
  expect(observedOf([[said({}, true)]]).usage(() => 1000).source).toBe('provider');
});
