import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { identity, userNames } from '../../../gateway/src/decide/identity.ts';

type Headers = Parameters<typeof identity>[0];
const none: Headers = {
  agent: undefined,
  session: undefined,
  user: undefined,
  tags: undefined,
  baggage: undefined,
};
const read = (headers: Partial<Headers>, maxTags = 10) =>
  identity({ ...none, ...headers }, { maxTags, userName: (name) => name });
const nobody = { agent: '', session: '', user: '', tags: {} };

test('nothing said is nobody', () => {
  expect(read({})).toEqual({ kind: 'ok', identity: nobody });
});

test('headers say who acts, and tags', () => {
  expect(read({ agent: 'a', session: 's', user: 'u', tags: 'k=v, x = y ,flag=' })).toEqual({
    kind: 'ok',
    identity: { agent: 'a', session: 's', user: 'u', tags: { k: 'v', x: 'y', flag: '' } },
  });
});

test('baggage says the same under the names that SDKs use, percent-decoded, properties left out', () => {
  const baggage =
    'gen_ai.agent.name=planner, session.id=s%201;ttl=5 ,enduser.id=%C3%A9,team=blue;x;y=1';
  expect(read({ baggage })).toEqual({
    kind: 'ok',
    identity: { agent: 'planner', session: 's 1', user: '\u00e9', tags: { team: 'blue' } },
  });
});

test('headers win over baggage; an empty header says nothing', () => {
  const baggage = 'gen_ai.agent.name=b,enduser.id=b,k=b';
  expect(read({ baggage, agent: 'h', user: '', tags: 'k=h' })).toEqual({
    kind: 'ok',
    identity: { ...nobody, agent: 'h', user: 'b', tags: { k: 'h' } },
  });
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'a member called %s is a tag like any other',
  (name) => {
    const found = read({ baggage: `${name}=x`, tags: 'a=b' });
    expect(found.kind === 'ok' && new Map(Object.entries(found.identity.tags))).toEqual(
      new Map([
        [name, 'x'],
        ['a', 'b'],
      ]),
    );
    expect(found.kind === 'ok' && Object.keys(found.identity)).toEqual([
      'agent',
      'session',
      'user',
      'tags',
    ]);
    const headers = read({ tags: `${name}=x` });
    expect(headers.kind === 'ok' && Object.entries(headers.identity.tags)).toEqual([[name, 'x']]);
  },
);

test('there are never more tags than allowed; those of the header come first', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 12 }),
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 12 }),
      fc.integer({ min: 0, max: 12 }),
      (inHeader, inBaggage, maxTags) => {
        const found = read(
          {
            tags: inHeader.map((key) => `${key}=h`).join(','),
            baggage: inBaggage.map((key) => `${key}=b`).join(','),
          },
          maxTags,
        );
        if (inHeader.length > maxTags) {
          expect(found).toMatchObject({ kind: 'bad', problem: { param: 'x-tollgate-tags' } });
          return;
        }
        expect(found.kind).toBe('ok');
        if (found.kind !== 'ok') return;
        const { tags } = found.identity;
        expect(Object.keys(tags).length).toBe(
          Math.min(maxTags, new Set([...inHeader, ...inBaggage]).size),
        );
        for (const key of inHeader) expect(tags[key]).toBe('h');
      },
    ),
  );
});

// oxfmt-ignore
test.each([
  ['x-tollgate-agent', { agent: 'x'.repeat(257) }, 'at most 256 characters'],
  ['x-tollgate-session', { session: 'x'.repeat(257) }, 'at most 256 characters'],
  ['x-tollgate-user', { user: 'x'.repeat(257) }, 'at most 256 characters'],
  ['x-tollgate-tags', { tags: 'novalue' }, 'must be k=v,k=v'],
  ['x-tollgate-tags', { tags: '=v' }, 'must be k=v,k=v'],
  ['x-tollgate-tags', { tags: ' =v' }, 'must be k=v,k=v'],
  ['x-tollgate-tags', { tags: `${'k'.repeat(65)}=v` }, 'keys of at most 64'],
  ['x-tollgate-tags', { tags: `k=${'v'.repeat(257)}` }, 'values of at most 256'],
])('%s that is wrong is said with what is allowed: %o', (param, headers, message) => {
  const found = read(headers);
  expect(found).toMatchObject({ kind: 'bad', problem: { code: 'invalid_value', param } });
  expect(found.kind === 'bad' && found.problem.message).toContain(message);
});

test('baggage is the network talking: what is wrong or too long in it is passed over', () => {
  const baggage = [
    'novalue',
    '=x',
    ` = y`,
    `k=${'v'.repeat(257)}`,
    `${'k'.repeat(65)}=v`,
    'bad=%E0%A4%A',
    'ok=1',
  ].join(',');
  const found = read({ baggage });
  expect(found.kind === 'ok' && found.identity.tags).toEqual({ bad: '%E0%A4%A', ok: '1' });
  expect(read({ baggage: `k=${'v'.repeat(9000)}` })).toEqual({ kind: 'ok', identity: nobody });
});

test('a user is written down as it is named, or as a hash that depends on name and key', () => {
  expect(userNames(null)('ada')).toBe('ada');
  const [one, other] = [userNames('key-1'), userNames('key-2')];
  expect(one('ada')).toMatch(/^[0-9a-f]{32}$/);
  expect(one('ada')).toBe(one('ada'));
  expect(new Set([one('ada'), one('bob'), other('ada')]).size).toBe(3);
  expect(one('')).toBe('');
});

test('the end user that a token vouches for counts before headers and baggage, and is written down as others are', () => {
  const headers = { ...none, user: 'eve', baggage: 'enduser.id=mallory', agent: 'a' };
  const vouched = { maxTags: 10, userName: (name: string) => `<${name}>`, user: 'ada' };
  expect(identity(headers, vouched)).toMatchObject({ identity: { user: '<ada>', agent: 'a' } });
  expect(identity(headers, { ...vouched, user: '' })).toMatchObject({
    identity: { user: '<eve>' },
  });
});
