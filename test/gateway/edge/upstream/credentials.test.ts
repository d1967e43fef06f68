import { expect, test } from 'vitest';
import { NoCredential, renewed } from '../../../../gateway/src/edge/upstream/credentials.ts';
import { textAt } from '../../../../gateway/src/model/json.ts';
import type { TokenRequest } from '../../../../gateway/src/providers/provider.ts';

const asked: TokenRequest = {
  url: 'https://login.example/token',
  headers: {},
  body: 'client_secret=a-secret',
  read(reply) {
    const token = textAt(reply, 'token');
    return token === null ? null : { credentials: { token }, livesMs: 3_600_000 };
  },
};
const minuteMs = 60_000;

/** A token server whose clock and answers the test decides. */
const started = () => {
  let [nowMs, asks] = [0, 0];
  let answer: (nth: number) => unknown = (nth) => ({ token: `token-${nth}` });
  const failures: string[] = [];
  const source = renewed(asked, {
    async fetch(request) {
      expect(request).toBe(asked);
      asks += 1;
      const nth = asks;
      await Promise.resolve();
      return answer(nth);
    },
    nowMs: () => nowMs,
    onFailed: ({ message }) => void failures.push(message),
  });
  return {
    source,
    failures,
    asks: () => asks,
    pass: (ms: number) => void (nowMs += ms),
    answer: (next: typeof answer) => void (answer = next),
  };
};

test('many calls that need a credential ask for it once, and later ones have it at once', async () => {
  const { source, asks } = started();
  const first = await Promise.all([source.current(), source.current(), source.current()]);
  expect(first).toEqual([{ token: 'token-1' }, { token: 'token-1' }, { token: 'token-1' }]);
  expect(source.current()).toEqual({ token: 'token-1' });
  expect(asks()).toBe(1);
});

test('a new one is asked for before the old one ends, and nobody waits for it', async () => {
  const { source, asks, pass } = started();
  await source.current();
  pass(56 * minuteMs);
  expect(source.current()).toEqual({ token: 'token-1' });
  expect(source.current()).toEqual({ token: 'token-1' });
  await new Promise(setImmediate);
  expect(source.current()).toEqual({ token: 'token-2' });
  expect(asks()).toBe(2);
});

test('one that has ended is not used any more', async () => {
  const { source, pass } = started();
  await source.current();
  pass(60 * minuteMs);
  expect(await source.current()).toEqual({ token: 'token-2' });
});

test('while no new one can be had the old one serves as long as it is good, and the server is not asked all the time', async () => {
  const { source, asks, pass, answer, failures } = started();
  await source.current();
  answer(() => {
    throw new NoCredential('the token server answered with status 500');
  });
  pass(56 * minuteMs);
  for (let i = 0; i < 5; i += 1) {
    expect(source.current()).toEqual({ token: 'token-1' });
    await new Promise(setImmediate);
  }
  expect([asks(), failures]).toEqual([2, ['the token server answered with status 500']]);
  pass(1_000);
  expect(source.current()).toEqual({ token: 'token-1' });
  await new Promise(setImmediate);
  expect(asks()).toBe(3);
  pass(5 * minuteMs);
  await expect(source.current()).rejects.toThrow(NoCredential);
  answer((nth) => ({ token: `token-${nth}` }));
  // Fails at once, until the rest is over.
  await expect(source.current()).rejects.toThrow('status 500');
  pass(1_000);
  expect(await source.current()).toEqual({ token: 'token-5' });
});

test('an answer without a token, and a server that is away, are said in words without a secret', async () => {
  const { source, pass, answer, failures } = started();
  answer(() => ({ error: 'no' }));
  await expect(source.current()).rejects.toThrow('answered something else');
  pass(1_000);
  answer(() => {
    throw Object.assign(new Error('connect to a-secret failed'), { code: 'ECONNREFUSED' });
  });
  await expect(source.current()).rejects.toThrow('could not be reached (ECONNREFUSED)');
  expect(failures.join()).not.toContain('a-secret');
});

test('the tokens that were had are known, the last ones of them', async () => {
  const { source, pass } = started();
  for (let i = 0; i < 6; i += 1) {
    await source.current();
    pass(60 * minuteMs);
  }
  expect(source.tokens()).toEqual(['token-6', 'token-5', 'token-4', 'token-3']);
});
