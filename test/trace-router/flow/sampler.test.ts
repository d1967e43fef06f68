import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startFactReader } from '../../../trace-router/src/otlp/facts.ts';
import { startSampler } from '../../../trace-router/src/flow/sampler.ts';
import type { SamplerEffect, SamplerSettings } from '../../../trace-router/src/flow/sampler.ts';
import type { Voter } from '../../../trace-router/src/model/decision.ts';
import type { Fragment } from '../../../trace-router/src/model/trace.ts';
import { requestOf, traceIdOf } from '../router.ts';

/** Keeps traces whose id ends in an even digit. */
const even: Voter = {
  name: 'even',
  keys: [],
  mayDrop: false,
  vote: ({ traceId }) =>
    Number.parseInt(traceId.slice(-1), 16) % 2 === 0
      ? { kind: 'keep', reason: 'always' }
      : { kind: 'abstain' },
};
const all: Voter = { ...even, name: 'all', vote: () => ({ kind: 'keep', reason: 'always' }) };

const settings = (changes: Partial<SamplerSettings> = {}): SamplerSettings => ({
  patience: { decisionWaitMs: 1000, afterRootMs: 200, maxTraceBytes: 1_000_000 },
  memory: { maxTraces: 1000, maxBytes: 10_000_000 },
  remember: { kept: 1000, dropped: 1000 },
  voters: [all],
  readFacts: startFactReader([]),
  ...changes,
});
const fragment = (trace: number, span: number, hasRoot = false): Fragment => ({
  traceId: traceIdOf(trace),
  bytes: requestOf([{ trace, span }]),
  spans: 1,
  hasRoot,
});
const triggers = (effects: readonly SamplerEffect[]) =>
  effects.map(({ decision }) => decision.trigger);

test('a trace without its root waits for the whole time, and is decided once', () => {
  const sampler = startSampler(settings());
  expect(sampler.advance({ kind: 'fragments', fragments: [fragment(1, 1)], nowMs: 0 })).toEqual([]);
  expect(sampler.advance({ kind: 'fragments', fragments: [fragment(1, 2)], nowMs: 900 })).toEqual(
    [],
  );
  expect(sampler.advance({ kind: 'tick', nowMs: 999, most: 10 })).toEqual([]);
  const decided = sampler.advance({ kind: 'tick', nowMs: 1000, most: 10 });
  expect(decided).toMatchObject([
    {
      kind: 'keep',
      traceId: traceIdOf(1),
      spans: 2,
      decision: { trigger: 'timeout', reason: 'always', policy: 'all' },
    },
  ]);
  expect(sampler.advance({ kind: 'tick', nowMs: 5000, most: 10 })).toEqual([]);
  expect(sampler.holding()).toMatchObject({ traces: 0, bytes: 0, kept: 1 });
});

test('a trace is decided a short while after its root, even when older traces still wait', () => {
  const sampler = startSampler(settings());
  sampler.advance({ kind: 'fragments', fragments: [fragment(1, 1)], nowMs: 0 });
  sampler.advance({ kind: 'fragments', fragments: [fragment(2, 2, true)], nowMs: 100 });
  expect(sampler.advance({ kind: 'tick', nowMs: 299, most: 10 })).toEqual([]);
  expect(sampler.advance({ kind: 'tick', nowMs: 300, most: 10 })).toMatchObject([
    { traceId: traceIdOf(2), decision: { trigger: 'root' } },
  ]);
});

test('late spans go the way of their trace: kept ones are kept, dropped ones dropped', () => {
  const sampler = startSampler(settings({ voters: [even] }));
  const traces = [1, 2, 3, 4, 5, 6, 7, 8];
  sampler.advance({ kind: 'fragments', fragments: traces.map((n) => fragment(n, n)), nowMs: 0 });
  const first = sampler.advance({ kind: 'tick', nowMs: 1000, most: 100 });
  const late = sampler.advance({
    kind: 'fragments',
    fragments: traces.map((n) => fragment(n, 100 + n)),
    nowMs: 1001,
  });
  expect(triggers(late)).toEqual(traces.map(() => 'late'));
  expect(late.map(({ traceId, kind }) => [traceId, kind])).toEqual(
    first.map(({ traceId, kind }) => [traceId, kind]),
  );
  expect(new Set(first.map(({ kind }) => kind))).toEqual(new Set(['keep', 'drop']));
  expect(late[0]?.decision.reason).toBe('remembered');
});

test('when too many traces are open the oldest is decided, with the reason of its policy', () => {
  const sampler = startSampler(settings({ memory: { maxTraces: 3, maxBytes: 1e9 } }));
  const effects = [1, 2, 3, 4, 5].flatMap((n) =>
    sampler.advance({ kind: 'fragments', fragments: [fragment(n, n)], nowMs: n }),
  );
  expect(effects).toMatchObject([
    { kind: 'keep', traceId: traceIdOf(1), decision: { trigger: 'memory', reason: 'always' } },
    { kind: 'keep', traceId: traceIdOf(2), decision: { trigger: 'memory' } },
  ]);
  expect(sampler.holding().traces).toBe(3);
});

test('a trace that grows past its limit is decided at once', () => {
  const sampler = startSampler(
    settings({ patience: { decisionWaitMs: 1000, afterRootMs: null, maxTraceBytes: 1500 } }),
  );
  const effects = Array.from({ length: 20 }, (_, n) =>
    sampler.advance({ kind: 'fragments', fragments: [fragment(1, n)], nowMs: n }),
  ).flat();
  expect(triggers(effects)[0]).toBe('size');
  expect(
    triggers(effects)
      .slice(1)
      .every((trigger) => trigger === 'late'),
  ).toBe(true);
});

test('a shutdown decides everything that is open', () => {
  const sampler = startSampler(settings());
  sampler.advance({
    kind: 'fragments',
    fragments: [fragment(1, 1), fragment(2, 2), fragment(3, 3)],
    nowMs: 0,
  });
  expect(triggers(sampler.advance({ kind: 'shutdown', nowMs: 1 }))).toEqual([
    'shutdown',
    'shutdown',
    'shutdown',
  ]);
  expect(sampler.holding()).toMatchObject({ traces: 0, bytes: 0 });
});

test('a tick decides no more than it is allowed to', () => {
  const sampler = startSampler(settings());
  sampler.advance({
    kind: 'fragments',
    fragments: Array.from({ length: 50 }, (_, n) => fragment(n, n)),
    nowMs: 0,
  });
  expect(sampler.advance({ kind: 'tick', nowMs: 2000, most: 20 })).toHaveLength(20);
  expect(sampler.advance({ kind: 'tick', nowMs: 2000, most: 100 })).toHaveLength(30);
});

test('in any history memory stays bounded, and every span leaves exactly once, with its trace', () => {
  const step = fc.record({
    trace: fc.integer({ min: 0, max: 25 }),
    root: fc.boolean(),
    waitMs: fc.integer({ min: 0, max: 400 }),
    tick: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 150 }),
      fc.integer({ min: 1, max: 8 }),
      (steps, maxTraces) => {
        const maxBytes = 6000;
        const sampler = startSampler(
          settings({
            voters: [even],
            memory: { maxTraces, maxBytes },
            remember: { kept: 99, dropped: 99 },
          }),
        );
        const effects: SamplerEffect[] = [];
        let nowMs = 0;
        for (const [n, { trace, root, waitMs, tick }] of steps.entries()) {
          nowMs += waitMs;
          effects.push(
            ...sampler.advance({ kind: 'fragments', fragments: [fragment(trace, n, root)], nowMs }),
          );
          expect(sampler.holding().traces).toBeLessThanOrEqual(maxTraces);
          expect(sampler.holding().bytes).toBeLessThanOrEqual(maxBytes);
          if (tick) effects.push(...sampler.advance({ kind: 'tick', nowMs, most: 3 }));
        }
        effects.push(...sampler.advance({ kind: 'shutdown', nowMs }));
        expect(sampler.holding()).toMatchObject({ traces: 0, bytes: 0 });
        expect(effects.reduce((sum, { spans }) => sum + spans, 0)).toBe(steps.length);
        // one decision per trace: all later effects are late and say the same
        const kinds = new Map<string, string>();
        for (const { traceId, kind, decision } of effects) {
          expect(decision.trigger === 'late').toBe(kinds.has(traceId));
          expect(kinds.get(traceId) ?? kind).toBe(kind);
          kinds.set(traceId, kind);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('remembered decisions are bounded; a forgotten trace is decided anew', () => {
  const sampler = startSampler(settings({ remember: { kept: 2, dropped: 0 } }));
  for (const n of [1, 2, 3]) {
    sampler.advance({ kind: 'fragments', fragments: [fragment(n, n)], nowMs: n * 2000 });
    sampler.advance({ kind: 'tick', nowMs: n * 2000 + 1000, most: 1 });
  }
  expect(sampler.holding().kept).toBe(2);
  expect(sampler.advance({ kind: 'fragments', fragments: [fragment(1, 9)], nowMs: 9000 })).toEqual(
    [],
  );
});
