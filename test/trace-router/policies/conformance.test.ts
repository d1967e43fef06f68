import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { reasons } from '../../../trace-router/src/contract/reasons.ts';
import { startFactReader } from '../../../trace-router/src/otlp/facts.ts';
import type { Voter } from '../../../trace-router/src/model/decision.ts';
import { policies } from '../../../trace-router/src/policies/registry.ts';
import { requestOf, traceIdOf } from '../router.ts';
import type { SpanSpec } from '../router.ts';

/** Per policy: settings, a trace it keeps, a trace it leaves to others, settings it must refuse. */
interface Case {
  readonly settings: Record<string, unknown>;
  readonly keeps: readonly SpanSpec[];
  readonly leaves?: readonly SpanSpec[];
  readonly refuses?: readonly Record<string, unknown>[];
}
const attribute = (key: string, value: Record<string, unknown>) => ({
  attributes: [{ key, value }],
});
const plain: SpanSpec = { trace: 1, span: 1 };
const cases: Readonly<Record<string, Case>> = {
  always_sample: { settings: {}, keeps: [plain] },
  status_code: {
    settings: { status_codes: ['ERROR'] },
    keeps: [plain, { trace: 1, span: 2, status: 2 }],
    leaves: [plain, { trace: 1, span: 2, status: 1 }],
    refuses: [{ status_codes: [] }, { status_codes: ['BAD'] }],
  },
  latency: {
    settings: { threshold_ms: 100 },
    keeps: [plain, { trace: 1, span: 2, startMs: 1_790_000_000_090, durationMs: 20 }],
    leaves: [plain, { trace: 1, span: 2, durationMs: 100 }],
    refuses: [{ threshold_ms: -1 }, { threshold_ms: 10, upper_threshold_ms: 5 }],
  },
  numeric_attribute: {
    settings: { key: 'cost', min_value: 10, max_value: 20 },
    keeps: [plain, { trace: 1, span: 2, ...attribute('cost', { intValue: 20 }) }],
    leaves: [plain, { trace: 1, span: 2, ...attribute('cost', { doubleValue: 20.5 }) }],
    refuses: [{ min_value: 1 }, { key: 'k', min_value: 5, max_value: 3 }],
  },
  string_attribute: {
    settings: { key: 'team', values: ['shop', '^pay.*'], enabled_regex_matching: true },
    keeps: [plain, { trace: 1, span: 2, ...attribute('team', { stringValue: 'payments' }) }],
    leaves: [plain, { trace: 1, span: 2, ...attribute('team', { stringValue: 'search' }) }],
    refuses: [
      { key: 'k', values: ['('], enabled_regex_matching: true },
      { key: 'k', values: [] },
    ],
  },
  boolean_attribute: {
    settings: { key: 'vip', value: true },
    keeps: [{ trace: 1, span: 2, ...attribute('vip', { boolValue: true }) }],
    leaves: [{ trace: 1, span: 2, ...attribute('vip', { boolValue: false }) }],
  },
  probabilistic: {
    settings: { sampling_percentage: 100 },
    keeps: [plain],
    refuses: [{ sampling_percentage: 101 }],
  },
  rate_limiting: {
    settings: { spans_per_second: 10 },
    keeps: [plain],
    refuses: [{ spans_per_second: 0 }],
  },
};

const voterFor = (type: string, settings: unknown): Voter => {
  const voter = policies.find((policy) => policy.type === type)?.configure('p', settings);
  if (voter === undefined || typeof voter === 'string') throw new Error(`${type}: ${voter}`);
  return voter;
};
const factsOf = (voter: Voter, spans: readonly SpanSpec[], requests = 1) => {
  const fragments = requests === 1 ? [requestOf(spans)] : spans.map((span) => requestOf([span]));
  return startFactReader(voter.keys)({ traceId: traceIdOf(1), spans: spans.length, fragments });
};

test('every policy that ships has a case here', () => {
  expect(Object.keys(cases).sort()).toEqual(policies.map(({ type }) => type).sort());
});

const rows = Object.entries(cases);
test.each(rows)(
  '%s keeps what it should, with a reason from the table',
  (type, { settings, keeps }) => {
    const voter = voterFor(type, settings);
    const vote = voter.vote(factsOf(voter, keeps), 0);
    expect(vote.kind).toBe('keep');
    expect(Object.keys(reasons)).toContain(vote.kind === 'keep' ? vote.reason : '');
  },
);
test.each(rows.filter(([, { leaves }]) => leaves !== undefined))(
  '%s leaves the rest to others',
  (type, { settings, leaves = [] }) => {
    const voter = voterFor(type, settings);
    expect(voter.vote(factsOf(voter, leaves), 0)).toEqual({ kind: 'abstain' });
  },
);
test.each(rows)(
  '%s: the same trace gets the same vote, whatever the order and the requests its spans came in',
  (type, { settings, keeps, leaves = [] }) => {
    for (const spans of [keeps, leaves]) {
      const vote = () => {
        const voter = voterFor(type, settings);
        return [
          voter.vote(factsOf(voter, spans), 0),
          voterFor(type, settings).vote(factsOf(voter, spans.toReversed()), 0),
          voterFor(type, settings).vote(factsOf(voter, spans, 2), 0),
        ];
      };
      const [first, ...others] = [...vote(), ...vote()];
      for (const other of others) expect(other).toEqual(first);
    }
  },
);
test.each(rows)('%s refuses settings that make no sense', (type, { refuses = [] }) => {
  for (const settings of [...refuses, { nonsense: 1 }]) {
    const found = policies.find((policy) => policy.type === type);
    expect(typeof found?.configure('p', settings)).toBe('string');
  }
});

test.each(['numeric_attribute', 'string_attribute', 'boolean_attribute'])(
  '%s, inverted, drops what matches and keeps what does not',
  (type) => {
    const { settings, keeps, leaves = [] } = cases[type] ?? { settings: {}, keeps: [] };
    const voter = voterFor(type, { ...settings, invert_match: true });
    expect(voter.mayDrop).toBe(true);
    expect(voter.vote(factsOf(voter, keeps), 0)).toEqual({ kind: 'drop', reason: 'excluded' });
    expect(voter.vote(factsOf(voter, leaves), 0)).toEqual({ kind: 'keep', reason: 'inverted' });
  },
);

test('attributes of the resource count too, and money sent as decimal text is a number', () => {
  const voter = voterFor('numeric_attribute', { key: 'cost', min_value: 0.5 });
  const fragments = [requestOf([plain], [{ key: 'cost', value: { stringValue: '0.75' } }])];
  const facts = startFactReader(voter.keys)({ traceId: traceIdOf(1), spans: 1, fragments });
  expect(voter.vote(facts, 0).kind).toBe('keep');
});

const randomIds = (count: number) =>
  fc
    .sample(fc.uint8Array({ minLength: 16, maxLength: 16 }), { numRuns: count, seed: 7 })
    .map((id) => Buffer.from(id).toString('hex'));
const uniformIds = Array.from({ length: 20_000 }, (_, i) => traceIdOf(i));

test.each([1, 10, 25, 50, 90])(
  'probabilistic keeps %i %% of traces, and with a salt another set of the same size',
  (percentage) => {
    const keeps = (voter: Voter) =>
      new Set(
        uniformIds.filter(
          (traceId) =>
            voter.vote(
              {
                traceId,
                spans: 1,
                sizeBytes: 1,
                durationMs: 0,
                statuses: new Set(),
                attributes: new Map(),
              },
              0,
            ).kind === 'keep',
        ),
      );
    const plainSet = keeps(
      voterFor('probabilistic', { sampling_percentage: percentage, hash_salt: 'a' }),
    );
    const salted = keeps(
      voterFor('probabilistic', { sampling_percentage: percentage, hash_salt: 'b' }),
    );
    for (const set of [plainSet, salted]) {
      expect(set.size / uniformIds.length).toBeCloseTo(percentage / 100, 1);
      const sd = Math.sqrt((percentage / 100) * (1 - percentage / 100) * uniformIds.length);
      expect(Math.abs(set.size - (percentage / 100) * uniformIds.length)).toBeLessThan(5 * sd);
    }
    expect([...plainSet].filter((id) => salted.has(id)).length).toBeLessThan(plainSet.size);
  },
);

test('what a lower percentage keeps, a higher one keeps too', () => {
  const low = voterFor('probabilistic', { sampling_percentage: 20 });
  const high = voterFor('probabilistic', { sampling_percentage: 60 });
  for (const traceId of randomIds(2000)) {
    const facts = {
      traceId,
      spans: 1,
      sizeBytes: 1,
      durationMs: 0,
      statuses: new Set<never>(),
      attributes: new Map<string, never>(),
    };
    if (low.vote(facts, 0).kind === 'keep') expect(high.vote(facts, 0).kind).toBe('keep');
  }
});

test('a rate limit lets a burst through, then its rate, and a clock that goes back gives nothing', () => {
  const voter = voterFor('rate_limiting', { spans_per_second: 10 });
  const facts = factsOf(voter, [plain]);
  const kept = (nowMs: number, asked: number) =>
    Array.from({ length: asked }, () => voter.vote(facts, nowMs)).filter(
      ({ kind }) => kind === 'keep',
    ).length;
  expect(kept(0, 100)).toBe(20);
  expect(kept(1000, 100)).toBe(10);
  expect(kept(500, 100)).toBe(0);
  expect(kept(1500, 100)).toBe(5);
});
