import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../gateway/src/contract/errors.ts';
import type { Next } from '../../../gateway/src/decide/retry.ts';
import { call } from '../../../gateway/src/flow/call.ts';
import type { Effects, Ending, Opened, Story } from '../../../gateway/src/flow/effects.ts';
import type { Target } from '../../../gateway/src/model/call.ts';
import type { Fault } from '../../../gateway/src/model/fault.ts';
import type { Attempt } from '../../../gateway/src/model/settlement.ts';
import { someAttempt } from '../model/settlements.ts';

const faultOf = (code: ErrorCode): Fault => ({
  kind: 'server',
  code,
  status: 500,
  message: code,
  recourse: 'again',
  retryAfterMs: null,
  mayBeBilled: false,
  said: null,
});
const serverFault = faultOf('provider_error');

/** What the world does, attempt by attempt. */
type Happening =
  | { readonly does: 'fail'; readonly next: Next; readonly fault?: Fault }
  | { readonly does: 'begin'; readonly ending: Ending }
  | { readonly does: 'abandon' }
  | { readonly does: 'throw' }
  | { readonly does: 'throw_in_relay' };

const again = (afterMs: number): Next => ({ kind: 'again', afterMs });
const fail = (next: Next, fault?: Fault): Happening =>
  fault === undefined ? { does: 'fail', next } : { does: 'fail', next, fault };
const answered: Happening = { does: 'begin', ending: { kind: 'complete' } };

/** A world that plays a script and keeps a diary. */
const world = (
  script: readonly Happening[],
  more: { readonly refuseIntent?: number; readonly goneAfter?: number } = {},
) => {
  const diary: string[] = [];
  const targets: Target[] = ['a', 'b', 'c'].map((provider) => ({ provider, model: 'm' }));
  let tries = 0;
  let intents = 0;
  const attemptAt = ({ provider }: Target): Attempt => ({
    ...someAttempt,
    target: { provider, model: 'm' },
    upstreamId: `${provider}${tries}`,
  });
  const on: Effects = {
    targets,
    hungUp: () => more.goneAfter !== undefined && tries >= more.goneAfter,
    intend(target, previous) {
      intents += 1;
      diary.push(`intend ${target.provider} after ${previous?.upstreamId ?? 'nothing'}`);
      return Promise.resolve(intents === more.refuseIntent ? 'ledger_full' : null);
    },
    open(target): Promise<Opened> {
      const now = script[tries];
      tries += 1;
      diary.push(`open ${target.provider}`);
      const attempt = attemptAt(target);
      switch (now?.does) {
        case 'fail':
          return Promise.resolve({ kind: 'failed', fault: now.fault ?? serverFault, attempt });
        case 'abandon':
          return Promise.resolve({ kind: 'abandoned', attempt });
        case 'begin':
          return Promise.resolve({
            kind: 'begun',
            async relay(nth, settle) {
              diary.push(`relay ${nth}`);
              if (now.ending.kind === 'complete') await settle();
              return now.ending;
            },
            close(ending) {
              diary.push(`close ${ending.kind}`);
              return attempt;
            },
          });
        case 'throw_in_relay':
          return Promise.resolve({
            kind: 'begun',
            relay: () => Promise.reject(new Error('a bug')),
            close: () => attempt,
          });
        case 'throw':
        case undefined:
          return Promise.reject(new Error('a bug'));
      }
    },
    next(_fault, { atTarget, ofCall, moreTargets }) {
      diary.push(`next ${atTarget} ${ofCall} ${moreTargets}`);
      const now = script[tries - 1];
      return now?.does === 'fail' ? now.next : { kind: 'give_up' };
    },
    settle({ outcome }) {
      diary.push(`settle ${outcome}`);
      return Promise.resolve(true);
    },
    pause(ms) {
      diary.push(`pause ${ms}`);
      return Promise.resolve();
    },
  };
  return { on, diary };
};

/** The attempts of a story in short: who, and why it was waste. */
const told = (attempts: readonly Attempt[]): string[] =>
  attempts.map((a) => `${a.upstreamId}${a.wasteReason === '' ? '' : ` ${a.wasteReason}`}`);

const played = async (
  script: readonly Happening[],
  more: Parameters<typeof world>[1] & { readonly stream?: boolean } = {},
) => {
  const { on, diary } = world(script, more);
  const attempts: Attempt[] = [];
  const story: Story = await call(more.stream ?? true, on, attempts);
  expect(story.attempts).toBe(attempts);
  return { story, diary, attempts: told(attempts) };
};

test('answered: the intent is durable before the provider is called, the row before the client has the last of the reply', async () => {
  const { story, diary, attempts } = await played([answered]);
  expect(diary).toEqual([
    'intend a after nothing',
    'open a',
    'relay 1',
    'close complete',
    'settle answered',
  ]);
  expect(attempts).toEqual(['a1']);
  expect(story).toMatchObject({
    outcome: 'answered',
    streamOutcome: 'complete',
    fault: null,
    refusal: null,
  });
});

test('a reply that is no stream has no stream outcome', async () => {
  expect((await played([answered], { stream: false })).story.streamOutcome).toBe('');
  expect((await played([{ does: 'abandon' }], { stream: false })).story.streamOutcome).toBe('');
});

test('tried again, then answered: the first attempt is waste, told to the ledger before the second', async () => {
  const { story, diary, attempts } = await played([fail(again(120)), answered]);
  expect(attempts).toEqual(['a1 retry', 'a2']);
  expect(diary).toEqual([
    'intend a after nothing',
    'open a',
    'next 1 1 true',
    'pause 120',
    'intend a after a1',
    'open a',
    'relay 2',
    'close complete',
    'settle answered',
  ]);
  expect(story).toMatchObject({ outcome: 'answered', fault: null });
});

test('another target, then answered: tries are counted anew at each target, and over all', async () => {
  const { attempts, diary } = await played([
    fail(again(1)),
    fail({ kind: 'next_target' }),
    fail(again(2)),
    answered,
  ]);
  expect(attempts).toEqual(['a1 retry', 'a2 fallback', 'b3 retry', 'b4']);
  expect(diary.filter((entry) => entry.startsWith('next'))).toEqual([
    'next 1 1 true',
    'next 2 2 true',
    'next 1 3 true',
  ]);
});

test('given up: the outcome is that of the last fault, and its attempt is no waste of ours', async () => {
  const { story, attempts } = await played([
    fail({ kind: 'next_target' }),
    fail({ kind: 'next_target' }),
    fail({ kind: 'give_up' }, faultOf('provider_rate_limited')),
  ]);
  expect(attempts).toEqual(['a1 fallback', 'b2 fallback', 'c3']);
  expect(story).toMatchObject({
    outcome: 'exhausted',
    fault: { code: 'provider_rate_limited' },
    streamOutcome: '',
  });
});

test('refused by the provider: the caller is told so', async () => {
  const { story } = await played([fail({ kind: 'give_up' }, faultOf('provider_refused'))]);
  expect(story).toMatchObject({ outcome: 'refused', fault: { code: 'provider_refused' } });
});

test('no target is asked beyond the last one', async () => {
  const { diary } = await played([
    fail({ kind: 'next_target' }),
    fail({ kind: 'next_target' }),
    fail({ kind: 'give_up' }),
  ]);
  expect(diary.filter((entry) => entry.startsWith('next'))).toEqual([
    'next 1 1 true',
    'next 1 2 true',
    'next 1 3 false',
  ]);
});

test('hung up before the first byte: abandoned, and the attempt booked as such', async () => {
  const { story, attempts } = await played([{ does: 'abandon' }]);
  expect(attempts).toEqual(['a1 abandoned']);
  expect(story).toMatchObject({ outcome: 'abandoned', streamOutcome: 'abandoned', fault: null });
});

test('hung up in the middle of a reply: abandoned, with what was read', async () => {
  const { story, attempts, diary } = await played([{ does: 'begin', ending: { kind: 'hung_up' } }]);
  expect(attempts).toEqual(['a1 abandoned']);
  expect(diary.at(-1)).toBe('close hung_up');
  expect(story).toMatchObject({ outcome: 'abandoned', streamOutcome: 'abandoned' });
});

test('hung up during a pause: no further provider is called', async () => {
  const { story, attempts, diary } = await played([fail(again(50)), answered], { goneAfter: 1 });
  expect(attempts).toEqual(['a1 retry']);
  expect(diary).toEqual(['intend a after nothing', 'open a', 'next 1 1 true', 'pause 50']);
  expect(story).toMatchObject({ outcome: 'abandoned', fault: null });
});

test.each([
  ['stream_cut', 'cut'],
  ['stream_stalled', 'stalled'],
  ['stream_failed', 'failed'],
] as const)('broken by %s: nobody takes over, all of it is waste', async (code, streamOutcome) => {
  const { story, attempts } = await played([
    { does: 'begin', ending: { kind: 'fault', fault: faultOf(code) } },
    answered,
  ]);
  expect(attempts).toEqual(['a1 stream_cut']);
  expect(story).toMatchObject({ outcome: 'broken', streamOutcome, fault: { code } });
});

test('a ledger that is full refuses the call before any provider is called', async () => {
  const { story, attempts, diary } = await played([answered], { refuseIntent: 1 });
  expect(attempts).toEqual([]);
  expect(diary).toEqual(['intend a after nothing']);
  expect(story).toMatchObject({ outcome: 'throttled', refusal: 'ledger_full', fault: null });
});

test('a ledger that fills up between two attempts ends the call; what was spent stays booked', async () => {
  const { story, attempts } = await played([fail(again(1)), answered], { refuseIntent: 2 });
  expect(attempts).toEqual(['a1 retry']);
  expect(story).toMatchObject({ outcome: 'throttled', refusal: 'ledger_full' });
});

test('a bug of ours is thrown, and what was spent before it is known', async () => {
  const { on } = world([fail(again(1)), { does: 'throw' }]);
  const attempts: Attempt[] = [];
  await expect(call(true, on, attempts)).rejects.toThrow('a bug');
  expect(told(attempts)).toEqual(['a1 retry']);
});

test('a bug while a reply is relayed is thrown, and its attempt is booked: the provider will bill it', async () => {
  const { on } = world([fail({ kind: 'next_target' }), { does: 'throw_in_relay' }]);
  const attempts: Attempt[] = [];
  await expect(call(true, on, attempts)).rejects.toThrow('a bug');
  expect(told(attempts)).toEqual(['a1 fallback', 'b2 stream_cut']);
});

test('a call without a target is a bug, not an endless loop', async () => {
  const { on } = world([answered]);
  await expect(call(true, { ...on, targets: [] }, [])).rejects.toThrow('no target');
});
