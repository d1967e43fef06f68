/** A small world in which all agree; then one thing in it is not as it should be, and the judge names it. */
import { expect, test } from 'vitest';
import {
  noTokens,
  triedOf,
  type Asked,
  type Journaled,
  type Row,
  type RowAttempt,
  type Tried,
} from './evidence.ts';
import { Judge, type Evidence, type FindingKind } from './judge.ts';

const usage = {
  prompt_tokens: 1_000,
  completion_tokens: 10,
  total_tokens: 1_010,
  prompt_tokens_details: { cached_tokens: 400 },
};
const tokens = { ...noTokens, input_uncached: 600, input_cache_read: 400, output_text: 10 };
/** 600 x 150,000 + 400 x 75,000 + 10 x 600,000 pico-dollars. */
const [cost, costUsd] = [126_000_000n, '0.000126'];
const guess = { ...noTokens, input_uncached: 20 };
const guessCost = 3_000_000n;

const asked = (trace: string, some: Partial<Asked>): Asked => ({
  trace,
  startedAtMs: 1_000,
  endedAtMs: 2_000,
  stream: false,
  tagged: false,
  end: 'whole',
  status: 200,
  code: '',
  callId: `call-${trace}`,
  costUsd: null,
  usage: null,
  bodyBytes: 100,
  ...some,
});
const tried = (some: Partial<Journaled> = {}): Tried =>
  triedOf({
    provider: 'openai',
    at: 1_100,
    path: '/',
    traceparent: null,
    status: 200,
    usage,
    usageSent: true,
    isWhole: true,
    stopSent: true,
    errorSent: false,
    bodyBytesSent: 100,
    ended: 'complete',
    ...some,
  });
const cut = { isWhole: false, usageSent: false, stopSent: false, ended: 'cut' } as const;
const attempt = (some: Partial<RowAttempt> = {}): RowAttempt => ({
  provider: 'openai',
  status: 200,
  error: '',
  source: 'provider',
  priceStatus: 'priced',
  cost,
  waste: '',
  tokens,
  ...some,
});
const guessed = { source: 'estimated', tokens: guess, cost: guessCost, error: 'network' } as const;
const row = (trace: string, some: Partial<Row> = {}): Row => {
  const attempts = some.attempts ?? [attempt()];
  return {
    trace,
    callId: `call-${trace}`,
    outcome: 'answered',
    status: 200,
    code: '',
    cost: attempts.reduce((sum, one) => sum + one.cost, 0n),
    waste: 0n,
    tagged: false,
    attempts,
    ...some,
  };
};

const told = { input: 1_000, output: 10 };
/** Killed once, at 5,000. */
const calls: readonly {
  readonly asked: Asked;
  readonly tried: readonly Tried[];
  readonly row: Row | null;
}[] = [
  { asked: asked('whole', { costUsd, usage: told }), tried: [tried()], row: row('whole') },
  {
    asked: asked('stream', { stream: true, usage: told }),
    tried: [tried({ status: 500, usage: null }), tried({ at: 1_200 })],
    row: row('stream', {
      attempts: [
        attempt({ status: 500, error: 'server', source: 'none', cost: 0n, tokens: noTokens }),
        attempt(),
      ],
    }),
  },
  {
    asked: asked('left', { end: 'hung_up', stream: true }),
    tried: [tried({ ...cut, ended: 'client_gone' })],
    row: row('left', {
      outcome: 'abandoned',
      status: 499,
      attempts: [attempt({ ...guessed, error: 'caller' })],
    }),
  },
  {
    asked: asked('broken', { end: 'break', stream: true, code: 'stream_cut' }),
    tried: [tried(cut)],
    row: row('broken', {
      outcome: 'broken',
      status: 502,
      code: 'stream_cut',
      attempts: [attempt(guessed)],
    }),
  },
  {
    asked: asked('none', { end: 'error', status: 502, code: 'provider_unreachable' }),
    tried: [tried(cut)],
    row: row('none', {
      outcome: 'exhausted',
      status: 502,
      code: 'provider_unreachable',
      attempts: [attempt(guessed)],
    }),
  },
  {
    asked: asked('killed', { end: 'lost', startedAtMs: 4_500, endedAtMs: 5_001 }),
    tried: [tried({ ...cut, at: 4_600, ended: 'client_gone' })],
    row: row('killed', {
      outcome: 'crashed',
      status: 500,
      attempts: [attempt({ ...guessed, status: 0 })],
    }),
  },
  {
    asked: asked('unheard', {
      end: 'lost',
      status: 0,
      callId: '',
      startedAtMs: 4_999,
      endedAtMs: 5_001,
    }),
    tried: [],
    row: null,
  },
];
const evidence: Evidence = {
  asked: new Map(calls.map((call) => [call.asked.trace, call.asked])),
  tried: new Map(
    calls.filter((call) => call.tried.length > 0).map((call) => [call.asked.trace, call.tried]),
  ),
  kills: [{ fromMs: 5_000, untilMs: 5_020 }],
  signs: Array.from({ length: 200 }, (_, i) => ({ fromMs: 50 * i, untilMs: 50 * i + 40 })).filter(
    ({ untilMs, fromMs }) => untilMs < 5_000 || fromMs > 6_000,
  ),
  full: [],
};
const rows: readonly Row[] = calls.flatMap((call) => call.row ?? []);

const judged = (all: readonly Row[], from: Evidence = evidence) => {
  const judge = new Judge(from);
  for (const one of all) judge.row(one);
  return judge.end();
};
const kindsOf = (all: readonly Row[], from: Evidence = evidence): readonly FindingKind[] =>
  judged(all, from).findings.map(({ kind }) => kind);
const changed = (trace: string, some: Partial<Row>): readonly Row[] =>
  rows.map((one) => (one.trace === trace ? { ...one, ...some } : one));
const without = (trace: string): readonly Row[] => rows.filter((one) => one.trace !== trace);
const seen = (trace: string, some: Partial<Asked>): Evidence => {
  const before = evidence.asked.get(trace);
  if (before === undefined) throw new Error(`no call ${trace}`);
  return { ...evidence, asked: new Map([...evidence.asked, [trace, { ...before, ...some }]]) };
};

test('where all agree nothing is found, and the sums are those of the rows', () => {
  const { findings, counts, totals, outcomes, costsTold, usagesTold } = judged(rows);
  expect(findings).toEqual([]);
  expect(new Set(Object.values(counts))).toEqual(new Set([0]));
  expect(totals).toMatchObject({
    calls: 6,
    attempts: 7,
    answered: 2,
    cost: 2n * cost + 4n * guessCost,
    input: 2_000 + 4 * 20,
    output: 20,
  });
  expect(Object.fromEntries(outcomes)).toMatchObject({ answered: 2, crashed: 1 });
  expect([costsTold, usagesTold]).toEqual([1, 2]);
});

test.each(['whole', 'left', 'killed'])('a lost row (%s)', (trace) => {
  expect(kindsOf(without(trace))).toEqual(['missing']);
});

test('a row that is there twice, under the same number or another', () => {
  const [first] = rows;
  if (first === undefined) throw new Error('no row');
  expect(kindsOf([...rows, first])).toEqual(['double']);
  expect(kindsOf([...rows, { ...first, callId: 'another' }])).toEqual(['double']);
  expect(kindsOf([...rows, { ...first, trace: 'another' }])).toEqual(['double']);
});

test('a row of a call that nobody made', () => {
  expect(kindsOf([...rows, row('nobody')])).toEqual(['stranger']);
});

test('a forgotten attempt', () => {
  expect(kindsOf(changed('stream', { attempts: [attempt()] }))).toEqual(['missing']);
});

test('an attempt too many', () => {
  expect(
    kindsOf(changed('whole', { attempts: [attempt(), attempt()], cost: 2n * cost })),
  ).toContain('contradicting');
});

test('another cost than was told', () => {
  expect(kindsOf(rows, seen('whole', { costUsd: '0.000126000001' }))).toEqual(['contradicting']);
});

test('a cost that its tokens do not have, by one pico-dollar', () => {
  const dearer = attempt({ cost: cost + 1n });
  expect(
    kindsOf(
      changed('stream', {
        attempts: [attempt({ status: 500, source: 'none', cost: 0n, error: 'server' }), dearer],
        cost: dearer.cost,
      }),
    ),
  ).toEqual(['contradicting']);
  expect(kindsOf(changed('left', { cost: guessCost + 1n }))).toEqual(['contradicting']);
});

test('another count than the provider told', () => {
  const other = attempt({ tokens: { ...tokens, output_text: 11 }, cost: cost + 600_000n });
  expect(kindsOf(changed('whole', { attempts: [other], cost: other.cost }))).toContain(
    'contradicting',
  );
});

test('a count that is estimated where the provider told it', () => {
  const estimated = attempt({ source: 'estimated' });
  expect(kindsOf(changed('whole', { attempts: [estimated] }))).toEqual(['contradicting']);
});

test('a cost of a refused attempt', () => {
  const paid = attempt({ ...guessed, status: 500 });
  expect(
    kindsOf(changed('stream', { attempts: [paid, attempt()], cost: cost + guessCost })),
  ).toEqual(['contradicting']);
});

test('an attempt at another provider than the one that served it', () => {
  expect(
    kindsOf(changed('left', { attempts: [attempt({ ...guessed, provider: 'anthropic' })] })),
  ).toEqual(['contradicting']);
});

test('a wrong outcome', () => {
  expect(kindsOf(changed('left', { outcome: 'answered' }))).toContain('outcome');
  expect(kindsOf(changed('broken', { outcome: 'exhausted' }))).toEqual(['outcome']);
  expect(kindsOf(changed('killed', { outcome: 'abandoned' }))).toEqual(['outcome']);
  expect(kindsOf(changed('whole', { outcome: 'crashed' }))).toContain('outcome');
});

test('a call that crashed without a kill, or was cut off without one', () => {
  expect(kindsOf(rows, { ...evidence, kills: [] })).toEqual(['outcome', 'missing']);
  expect(kindsOf(changed('left', { outcome: 'crashed' }))).toEqual(['outcome']);
});

test('another status or error than the client was told, and the id of another call', () => {
  expect(kindsOf(changed('none', { status: 503 }))).toEqual(['outcome']);
  expect(kindsOf(changed('none', { code: 'provider_error' }))).toEqual(['outcome']);
  expect(kindsOf(rows, seen('whole', { callId: 'another' }))).toEqual(['outcome']);
});

test('a usage that the client read, and the row has not; of a killed call it is counted apart when it is called an estimate', () => {
  expect(kindsOf(rows, seen('left', { usage: told }))).toEqual(['contradicting']);
  const killed = judged(rows, seen('killed', { usage: told }));
  expect([killed.findings, killed.toldAndEstimated]).toEqual([[], 1]);
});
