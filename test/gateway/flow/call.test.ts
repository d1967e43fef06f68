import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../gateway/src/contract/errors.ts';
import type { Next } from '../../../gateway/src/decide/retry.ts';
import { unknownPrompt } from '../../../gateway/src/decide/budgets/prompt.ts';
import type { Identified } from '../../../gateway/src/decide/identify.ts';
import { plain, refusalFor } from '../../../gateway/src/decide/refuse.ts';
import { call } from '../../../gateway/src/flow/call.ts';
import type { Delivery, Effects, Opened } from '../../../gateway/src/flow/effects.ts';
import type { Step } from '../../../gateway/src/flow/step.ts';
import { steps as registered } from '../../../gateway/src/flow/steps/registry.ts';
import type { Problem, RequestParameters, Target } from '../../../gateway/src/model/call.ts';
import type { Fault } from '../../../gateway/src/model/fault.ts';
import type { Refusal } from '../../../gateway/src/model/refusal.ts';
import type { Reply } from '../../../gateway/src/model/reply.ts';
import type { Attempt, Settlement } from '../../../gateway/src/model/settlement.ts';
import { someAttempt, someSettlement } from '../model/settlements.ts';

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
  | { readonly does: 'begin'; readonly ends: Delivery }
  | { readonly does: 'abandon' }
  | { readonly does: 'throw' }
  | { readonly does: 'throw_in_delivery' };

const again = (afterMs: number): Next => ({ kind: 'again', afterMs });
const elsewhere: Next = { kind: 'next_target' };
const giveUp: Next = { kind: 'give_up', clientMayRetry: false };
const fail = (next: Next, fault = serverFault): Happening => ({ does: 'fail', next, fault });
const answered: Happening = { does: 'begin', ends: { kind: 'complete' } };

interface Scene {
  readonly stranger?: boolean;
  /** Who calls is known after a while. */
  readonly token?: boolean;
  readonly badIdentity?: Problem;
  readonly obstacle?: Problem;
  readonly badRequest?: Problem;
  readonly unwritable?: Problem;
  readonly model?: string;
  readonly models?: readonly string[] | null;
  readonly stream?: boolean;
  readonly noTargets?: boolean;
  readonly refuseIntent?: number;
  readonly goneAfter?: number;
  readonly steps?: readonly Step[];
  /** What the budgets say of the call, and of a further attempt at a provider. */
  readonly short?: Refusal;
  readonly shortFor?: string;
}

const someShort: Refusal = {
  ...refusalFor({ code: 'budget_exceeded', message: 'no money left', param: null }),
  retryAfterMs: 5000,
};

const caller = {
  keyId: 'key',
  org: '',
  team: '',
  app: '',
  namespace: '',
  environment: '',
  costCenter: '',
};

/** A reply that nothing reads here: the world only says how its delivery ends. */
const replyOf = (name: string): Reply => ({
  head: () => ({ isStream: true, headers: { name } }),
  start: () => {},
  pause: () => {},
  resume: () => {},
  leave: () => {},
});

/** A world that plays a script and keeps a diary. */
const world = (script: readonly Happening[], scene: Scene) => {
  const diary: string[] = [];
  const settlements: Settlement[] = [];
  const refusals: Refusal[] = [];
  const bugs: unknown[] = [];
  const all: Target[] = ['a', 'b', 'c'].map((provider) => ({ provider, model: 'm' }));
  const parameters: RequestParameters = {
    model: scene.model ?? 'm',
    stream: scene.stream ?? true,
    wantsStreamUsage: false,
    maxTokens: null,
    temperature: null,
    topP: null,
    choices: 1,
    dimensions: {},
  };
  let tries = 0;
  let intents = 0;
  const attemptAt = ({ provider }: Target): Attempt => ({
    ...someAttempt,
    target: { provider, model: 'm' },
    upstreamId: `${provider}${tries}`,
  });
  let now: Happening | undefined;
  let pausedMs = 0;
  const on: Effects = {
    arrival: { ...someSettlement.call, startedMs: 0 },
    priceVersion: 'v',
    nowMs: () => 1 + pausedMs,
    identify() {
      const who: Identified =
        scene.stranger === true
          ? { kind: 'unknown', reason: scene.token === true ? 'expired' : 'unknown' }
          : { kind: 'known', caller: { ...caller, models: scene.models ?? null }, user: '' };
      return scene.token === true ? Promise.resolve(who) : who;
    },
    identity: () =>
      scene.badIdentity === undefined
        ? { kind: 'ok', identity: { agent: 'me', session: '', user: '', tags: {} } }
        : { kind: 'bad', problem: scene.badIdentity },
    enter: () => scene.obstacle ?? null,
    receive: () =>
      Promise.resolve(
        scene.badRequest === undefined
          ? {
              kind: 'ok',
              value: {
                parameters,
                bytes: null,
                prompt: () => unknownPrompt,
                inputTokens: () => 1,
                write(targets) {
                  diary.push(`write ${targets.length}`);
                  return scene.unwritable === undefined
                    ? { kind: 'ok', value: null }
                    : { kind: 'bad', problem: scene.unwritable };
                },
                close: () => void diary.push('close request'),
              },
            }
          : { kind: 'bad', problem: scene.badRequest },
      ),
    plan: (model) =>
      model === 'm' && scene.noTargets !== true
        ? { route: 'm', targets: all }
        : { route: '', targets: [] },
    usable: () => ['m'],
    reserve(call) {
      diary.push(`reserve ${call.targets.length}`);
      return scene.short ?? null;
    },
    extend(target, made) {
      diary.push(`extend ${target.provider} ${made.length}`);
      return scene.shortFor === target.provider ? someShort : null;
    },
    hungUp: () => scene.goneAfter !== undefined && tries >= scene.goneAfter,
    intend(_facts, target, previous) {
      intents += 1;
      diary.push(`intend ${target.provider} after ${previous?.upstreamId ?? 'nothing'}`);
      return Promise.resolve(intents !== scene.refuseIntent);
    },
    open(_facts, target): Promise<Opened> {
      now = script[tries];
      tries += 1;
      diary.push(`open ${target.provider}`);
      const attempt = attemptAt(target);
      switch (now?.does) {
        case 'fail':
          return Promise.resolve({ kind: 'failed', fault: now.fault ?? serverFault, attempt });
        case 'abandon':
          return Promise.resolve({ kind: 'abandoned', attempt });
        case 'begin':
        case 'throw_in_delivery':
          return Promise.resolve({
            kind: 'begun',
            startedMs: 0,
            reply: replyOf(target.provider),
            close(delivery) {
              diary.push(`close ${delivery.kind}`);
              return attempt;
            },
          });
        case 'throw':
        case undefined:
          return Promise.reject(new Error('a bug'));
      }
    },
    next(_fault, { atTarget, ofCall, moreTargets }) {
      diary.push(`next ${atTarget} ${ofCall} ${moreTargets}`);
      return now?.does === 'fail' ? now.next : giveUp;
    },
    async deliver(reply, { tries: nth, cache, settle }) {
      diary.push(`deliver ${reply.head().headers['name']} ${nth} ${cache}`);
      if (now?.does === 'throw_in_delivery') throw new Error('a bug');
      const ends: Delivery = now?.does === 'begin' ? now.ends : { kind: 'complete' };
      if (ends.kind === 'complete') await settle();
      return ends;
    },
    keep: () => Promise.resolve(true),
    refuse(refusal) {
      refusals.push(refusal);
      return Promise.resolve();
    },
    settle(settlement) {
      diary.push(`settle ${settlement.outcome}`);
      settlements.push(settlement);
      return Promise.resolve(true);
    },
    pause(ms) {
      diary.push(`pause ${ms}`);
      pausedMs += ms;
      return Promise.resolve();
    },
    bug: (error) => void bugs.push(error),
  };
  return { on, diary, settlements, refusals, bugs };
};

/** The attempts of a call in short: who, and why it was waste. */
const told = (attempts: readonly Attempt[]): string[] =>
  attempts.map((a) => `${a.upstreamId}${a.wasteReason === '' ? '' : ` ${a.wasteReason}`}`);

/** Plays a call. Whatever happens, it is settled once, and the client is refused at most once. */
const played = async (script: readonly Happening[], scene: Scene = {}) => {
  const { on, diary, settlements, refusals, bugs } = world(script, scene);
  await call(on, scene.steps ?? registered);
  const [settlement, ...more] = settlements;
  if (settlement === undefined) throw new Error('a call was not settled');
  expect(more).toEqual([]);
  expect(refusals.length).toBeLessThan(2);
  return { settlement, diary, attempts: told(settlement.attempts), refusal: refusals[0], bugs };
};

/** Of an admitted call, behind the steps. */
const begun = ['reserve 3', 'write 3', 'close request'];

test('answered: the intent is durable before the provider is called, the row before the client has the last of the reply', async () => {
  const { settlement, diary, attempts, refusal } = await played([answered]);
  expect(diary).toEqual([
    ...begun,
    'intend a after nothing',
    'open a',
    'deliver a 1 off',
    'close complete',
    'settle answered',
  ]);
  expect(attempts).toEqual(['a1']);
  expect(settlement).toMatchObject({
    outcome: 'answered',
    streamOutcome: 'complete',
    errorCode: '',
    httpStatus: 200,
    call: { caller, identity: { agent: 'me' }, parameters: { model: 'm' }, route: 'm' },
  });
  expect(refusal).toBeUndefined();
});

test('a call without room in its budgets asks no provider, and its record says which one', async () => {
  const { settlement, diary, refusal } = await played([], { short: someShort });
  expect(diary).toEqual(['reserve 3', 'close request', 'settle throttled']);
  expect(refusal).toEqual(someShort);
  expect(settlement).toMatchObject({
    outcome: 'throttled',
    httpStatus: 429,
    errorCode: 'budget_exceeded',
    errorMessage: 'no money left',
    attempts: [],
  });
});

test('a further attempt without room in the budgets is not made, and what was spent stands', async () => {
  const { settlement, diary, attempts, refusal } = await played([fail(elsewhere)], {
    shortFor: 'b',
  });
  expect(diary.at(-2)).toBe('extend b 1');
  expect(attempts).toEqual(['a1 fallback']);
  expect(refusal).toEqual(someShort);
  expect(settlement).toMatchObject({ outcome: 'throttled', errorCode: 'budget_exceeded' });
});

test('a reply that is no stream has no stream outcome', async () => {
  expect((await played([answered], { stream: false })).settlement.streamOutcome).toBe('');
  expect((await played([{ does: 'abandon' }], { stream: false })).settlement.streamOutcome).toBe(
    '',
  );
});

test('tried again, then answered: the first attempt is waste, told to the ledger before the second', async () => {
  const { settlement, diary, attempts } = await played([fail(again(120)), answered]);
  expect(attempts).toEqual(['a1 retry', 'a2']);
  expect(diary).toEqual([
    ...begun,
    'intend a after nothing',
    'open a',
    'next 1 1 true',
    'pause 120',
    'extend a 1',
    'intend a after a1',
    'open a',
    'deliver a 2 off',
    'close complete',
    'settle answered',
  ]);
  expect(settlement).toMatchObject({ outcome: 'answered', errorCode: '' });
});

test('time spent waiting before further tries is known as such', async () => {
  const { settlement } = await played([fail(again(120)), fail(again(300)), answered]);
  expect(settlement.waitMs).toBe(420);
  expect((await played([answered])).settlement.waitMs).toBe(0);
});

test('another target, then answered: tries are counted anew at each target, and over all', async () => {
  const { attempts, diary } = await played([
    fail(again(1)),
    fail(elsewhere),
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

test('given up: the outcome is that of the last fault, and its attempt served nobody either', async () => {
  const { settlement, attempts, refusal } = await played([
    fail(elsewhere),
    fail(elsewhere),
    fail(giveUp, faultOf('provider_rate_limited')),
  ]);
  expect(attempts).toEqual(['a1 fallback', 'b2 fallback', 'c3 failed']);
  expect(settlement).toMatchObject({
    outcome: 'exhausted',
    errorCode: 'provider_rate_limited',
    streamOutcome: '',
  });
  // The official SDKs obey it; without it each of their tries is as many of ours.
  expect(refusal?.headers).toEqual({ 'x-should-retry': 'false' });
});

test('given up where the client may have more luck: it is not told to leave it', async () => {
  const mayRetry: Next = { kind: 'give_up', clientMayRetry: true };
  expect((await played([fail(mayRetry)])).refusal?.headers).toEqual({});
});

test('refused by the provider: the caller is told so', async () => {
  const { settlement, refusal } = await played([fail(giveUp, faultOf('provider_refused'))]);
  expect(settlement).toMatchObject({ outcome: 'refused', errorCode: 'provider_refused' });
  expect(refusal).toMatchObject({ code: 'provider_refused' });
});

test('no target is asked beyond the last one', async () => {
  const { diary } = await played([fail(elsewhere), fail(elsewhere), fail(giveUp)]);
  expect(diary.filter((entry) => entry.startsWith('next'))).toEqual([
    'next 1 1 true',
    'next 1 2 true',
    'next 1 3 false',
  ]);
});

test('hung up before the first byte: abandoned, and the attempt booked as such', async () => {
  const { settlement, attempts, refusal } = await played([{ does: 'abandon' }]);
  expect(attempts).toEqual(['a1 abandoned']);
  expect(settlement).toMatchObject({
    outcome: 'abandoned',
    streamOutcome: 'abandoned',
    errorCode: 'client_closed',
  });
  expect(refusal).toBeUndefined();
});

test('hung up in the middle of a reply: abandoned, with what was read', async () => {
  const { settlement, attempts, diary } = await played([
    { does: 'begin', ends: { kind: 'hung_up', isSlow: false } },
  ]);
  expect(attempts).toEqual(['a1 abandoned']);
  expect(diary.slice(-2)).toEqual(['close hung_up', 'settle abandoned']);
  expect(settlement).toMatchObject({ outcome: 'abandoned', streamOutcome: 'abandoned' });
});

test('hung up during a pause: no further provider is called', async () => {
  const { settlement, attempts, diary } = await played([fail(again(50)), answered], {
    goneAfter: 1,
  });
  expect(attempts).toEqual(['a1 retry']);
  expect(diary.slice(-2)).toEqual(['pause 50', 'settle abandoned']);
  expect(settlement.outcome).toBe('abandoned');
});

test.each([
  ['stream_cut', 'cut'],
  ['stream_stalled', 'stalled'],
  ['stream_failed', 'failed'],
] as const)('broken by %s: nobody takes over, all of it is waste', async (code, streamOutcome) => {
  const { settlement, attempts } = await played([
    { does: 'begin', ends: { kind: 'fault', fault: faultOf(code), isTold: false } },
    answered,
  ]);
  expect(attempts).toEqual(['a1 stream_cut']);
  expect(settlement).toMatchObject({ outcome: 'broken', streamOutcome, errorCode: code });
});

test('a ledger that is full refuses the call before any provider is called', async () => {
  const { settlement, attempts, diary, refusal } = await played([answered], { refuseIntent: 1 });
  expect(attempts).toEqual([]);
  expect(diary).toEqual([...begun, 'intend a after nothing', 'settle throttled']);
  expect(settlement).toMatchObject({ outcome: 'throttled', errorCode: 'ledger_full' });
  expect(refusal).toMatchObject({ code: 'ledger_full', status: 503 });
});

test('a ledger that fills up between two attempts ends the call; what was spent stays booked', async () => {
  const { settlement, attempts } = await played([fail(again(1)), answered], { refuseIntent: 2 });
  expect(attempts).toEqual(['a1 retry']);
  expect(settlement).toMatchObject({ outcome: 'throttled', errorCode: 'ledger_full' });
});

test('a bug of ours is one outcome more, and what was spent before it is known', async () => {
  const { settlement, attempts, refusal, bugs } = await played([fail(again(1)), { does: 'throw' }]);
  expect(bugs).toHaveLength(1);
  expect(attempts).toEqual(['a1 retry']);
  expect(settlement).toMatchObject({ outcome: 'crashed', errorCode: 'internal_error' });
  expect(refusal).toMatchObject({ code: 'internal_error', status: 500 });
});

test('a bug while a reply is delivered: its attempt is booked, for the provider will bill it', async () => {
  const { attempts, bugs } = await played([fail(elsewhere), { does: 'throw_in_delivery' }]);
  expect(bugs).toHaveLength(1);
  expect(attempts).toEqual(['a1 fallback', 'b2 stream_cut']);
});

test('a bug in telling the client ends no more than its call', async () => {
  const { on, settlements, bugs } = world([], { stranger: true });
  await call({ ...on, refuse: () => Promise.reject(new Error('a bug')) }, registered);
  expect(settlements).toHaveLength(1);
  expect(bugs).toHaveLength(1);
});

test('a call without a target is a bug, not an endless loop', async () => {
  const { settlement, bugs } = await played([answered], { noTargets: true, steps: [] });
  expect(bugs).toHaveLength(1);
  expect(settlement.outcome).toBe('crashed');
});

test.each([
  ['a stranger', { stranger: true }, 'invalid_api_key', 'unidentified'],
  ['a token that has expired', { stranger: true, token: true }, 'invalid_api_key', 'unidentified'],
  ['an identity that is none', { badIdentity: plain('invalid_json') }, 'invalid_json', 'refused'],
  ['a gateway that is full', { obstacle: plain('too_many_calls') }, 'too_many_calls', 'throttled'],
  ['a body that is none', { badRequest: plain('invalid_json') }, 'invalid_json', 'refused'],
  ['a name with a line break', { model: 'm\n' }, 'invalid_value', 'refused'],
  ['a model that is not there', { model: 'other' }, 'model_not_found', 'refused'],
  ['a model of others', { models: ['x'] }, 'model_not_found', 'refused'],
  ['what no target can be told', { unwritable: plain('invalid_json') }, 'invalid_json', 'refused'],
] as const satisfies readonly (readonly [string, Scene, ErrorCode, string])[])(
  'refused before any provider is asked: %s',
  async (_what, scene, code, outcome) => {
    const { settlement, diary, refusal } = await played([], scene);
    expect(settlement).toMatchObject({ outcome, errorCode: code, attempts: [] });
    expect(refusal).toMatchObject({ code });
    expect(diary.filter((entry) => /^(intend|open)/.test(entry))).toEqual([]);
  },
);

test('a token is waited for, and its call is one like any other', async () => {
  const { settlement } = await played([answered], { token: true });
  expect(settlement).toMatchObject({ outcome: 'answered', call: { caller } });
});

test('what is known of a call when it is refused stands in its account; a name that is none does not', async () => {
  const stranger = await played([], { stranger: true });
  expect(stranger.settlement.call).toMatchObject({ caller: null, parameters: null });
  const busy = await played([], { obstacle: plain('draining') });
  expect(busy.settlement.call).toMatchObject({
    caller,
    identity: { agent: 'me' },
    parameters: null,
  });
  const unknown = await played([], { model: 'other' });
  expect(unknown.settlement.call.parameters).toMatchObject({ model: 'other' });
  expect((await played([], { model: '\u0000' })).settlement.call.parameters).toBeNull();
});

test('a request that was read is let go of, however the call goes on', async () => {
  for (const scene of [
    {},
    { model: 'other' },
    { model: '\n' },
    { unwritable: plain('invalid_json') },
  ]) {
    const { diary } = await played([answered], scene);
    expect(diary.filter((entry) => entry === 'close request')).toHaveLength(1);
  }
});

const remembering: Step = {
  name: 'remember',
  look: () => ({ kind: 'answer', reply: replyOf('memory'), cache: 'hit' }),
};
const forbidding: Step = {
  name: 'forbid',
  look: () =>
    Promise.resolve({ kind: 'refuse', refusal: refusalFor(plain('too_many_bytes_of_key')) }),
};

test('a step that answers: no provider is asked, the call is settled and costs nothing', async () => {
  const { settlement, diary } = await played([], { steps: [...registered, remembering] });
  expect(diary).toEqual(['reserve 3', 'close request', 'deliver memory 0 hit', 'settle answered']);
  expect(settlement).toMatchObject({ outcome: 'answered', attempts: [], cacheStatus: 'hit' });
});

test('a step that refuses, after some thought: no provider is asked, and no later step', async () => {
  const { settlement, diary, refusal } = await played([], {
    steps: [...registered, forbidding, remembering],
  });
  expect(diary).toEqual(['reserve 3', 'close request', 'settle throttled']);
  expect(settlement.errorCode).toBe('too_many_bytes_of_key');
  expect(refusal?.status).toBe(429);
});

test('a reply passes the steps from the last to the first', async () => {
  const wrapping = (name: string): Step => ({
    name,
    wrap: (reply) => replyOf(`${name}(${reply.head().headers['name']})`),
  });
  const { diary } = await played([answered], { steps: [wrapping('outer'), wrapping('inner')] });
  expect(diary).toContain('deliver outer(inner(a)) 1 off');
});
