import { expect, test } from 'vitest';
import { judge } from '../../../trace-router/src/decide/judge.ts';
import type { Vote, Voter } from '../../../trace-router/src/model/decision.ts';
import type { TraceFacts } from '../../../trace-router/src/model/trace.ts';

const facts: TraceFacts = {
  traceId: '1'.repeat(32),
  spans: 1,
  sizeBytes: 1,
  durationMs: 1,
  statuses: new Set(),
  attributes: new Map(),
};
const asked: string[] = [];
const voter = (name: string, vote: Vote, mayDrop = false): Voter => ({
  name,
  keys: [],
  mayDrop,
  vote: () => {
    asked.push(name);
    return vote;
  },
});
const keep: Vote = { kind: 'keep', reason: 'status' };
const drop: Vote = { kind: 'drop', reason: 'excluded' };
const abstain: Vote = { kind: 'abstain' };

test('the first keep counts, and a policy that cannot drop is not asked after it', () => {
  asked.length = 0;
  const voters = [
    voter('a', abstain),
    voter('b', keep),
    voter('c', { kind: 'keep', reason: 'rate' }),
  ];
  expect(judge(facts, voters, 'root', 0)).toEqual({
    kind: 'keep',
    policy: 'b',
    reason: 'status',
    trigger: 'root',
  });
  expect(asked).toEqual(['a', 'b']);
});

test('a drop overrules a keep, wherever it stands', () => {
  const voters = [voter('a', keep), voter('b', drop, true)];
  expect(judge(facts, voters, 'timeout', 0)).toMatchObject({
    kind: 'drop',
    policy: 'b',
    reason: 'excluded',
  });
});

test('a trace that no policy wants is dropped, and the reason says so', () => {
  expect(judge(facts, [voter('a', abstain)], 'memory', 0)).toEqual({
    kind: 'drop',
    policy: '',
    reason: 'no_policy',
    trigger: 'memory',
  });
});
