import { expect, test } from 'vitest';
import { callerOf } from '../../../../gateway/src/decide/tokens/claims.ts';
import type { ClaimSource, Issuer } from '../../../../gateway/src/model/issuer.ts';

const claim = (...path: string[]): ClaimSource => ({ kind: 'claim', path, otherwise: null });
const issuer: Issuer = {
  name: 'corp',
  issuer: 'https://corp.example',
  audiences: ['tollgate'],
  keysFrom: { kind: 'discovery' },
  algorithms: ['RS256'],
  clockSkewMs: 0,
  claims: new Map(),
  subject: claim('sub'),
  user: null,
  required: [],
  models: null,
  modelsFrom: null,
};
const ofTeam = { ...issuer, claims: new Map([['team', claim('team')]] as const) };

test('without any mapping a token says who it is, and nothing else', () => {
  expect(callerOf({ sub: 'ada', team: 'x' }, issuer)).toEqual({
    kind: 'caller',
    caller: {
      keyId: 'jwt:corp:ada',
      org: '',
      team: '',
      app: '',
      namespace: '',
      environment: '',
      costCenter: '',
      models: null,
    },
    user: '',
  });
});

test('a token of a Kubernetes service account is its namespace and its account', () => {
  const kubernetes: Issuer = {
    ...issuer,
    name: 'cluster',
    claims: new Map([
      ['namespace', claim('kubernetes.io', 'namespace')],
      ['app', claim('kubernetes.io', 'serviceaccount', 'name')],
      ['environment', { kind: 'constant', value: 'production' }],
    ]),
    models: ['gpt-*'],
  };
  // As the API server signs it: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
  const claims = {
    aud: ['tollgate'],
    exp: 1,
    iss: 'https://kubernetes.default.svc.cluster.local',
    'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'checkout', uid: 'u' } },
    sub: 'system:serviceaccount:shop:checkout',
  };
  expect(callerOf(claims, kubernetes)).toMatchObject({
    caller: {
      keyId: 'jwt:cluster:system:serviceaccount:shop:checkout',
      namespace: 'shop',
      app: 'checkout',
      environment: 'production',
      models: ['gpt-*'],
    },
  });
});

test('claims in lists, with odd names, of whole numbers, and the end user are read', () => {
  const mapped: Issuer = {
    ...issuer,
    claims: new Map([
      ['team', claim('groups', '1')],
      ['org', claim('https://example.org/org')],
      ['costCenter', claim('cc')],
    ]),
    user: claim('email'),
  };
  const claims = {
    sub: 's',
    groups: ['a', 'b'],
    'https://example.org/org': 'acme',
    cc: 4711,
    email: 'ada@example.org',
  };
  expect(callerOf(claims, mapped)).toMatchObject({
    caller: { team: 'b', org: 'acme', costCenter: '4711' },
    user: 'ada@example.org',
  });
});

// oxfmt-ignore
test.each([
  ['nothing', undefined], ['null', null], ['empty text', ''], ['a list', ['a']], ['a map', { a: 'b' }], ['true', true],
  ['a fraction', 0.5], ['a number that is not exact', 2 ** 60], ['257 characters', 'x'.repeat(257)], ['a line break', 'a\nb'],
  ['an escape sequence of a terminal', '\u001b[31m'], ['NUL', 'a\0'], ['half a pair', 'a\ud800'], ['a line separator', 'a\u2028b'],
  ['text that turns the direction', 'a\u202eb'], ['a space without width', 'a\u200bb'], ['DEL', '\u007f'], ['C1', '\u0085'],
])('a claim that is %s where a text belongs is refused, and its field named', (_what, value) => {
  expect(callerOf({ sub: 'ada', team: value }, ofTeam)).toEqual({ kind: 'bad', about: 'claims.team' });
  expect(callerOf({ sub: value }, issuer)).toEqual({ kind: 'bad', about: 'claims.key' });
  expect(callerOf({ sub: 'ada', u: value }, { ...issuer, user: claim('u') })).toEqual({ kind: 'bad', about: 'claims.user' });
});

test('words of every language are text, 256 characters long', () => {
  for (const team of ['absent', 'Forschung & Lehre', '研究', 'ü'.repeat(256), '\u{1f680}'])
    expect(callerOf({ sub: 'ada', team }, ofTeam)).toMatchObject({ caller: { team } });
});

test('a field may have a text for tokens without its claim; a wrong claim is refused all the same', () => {
  const otherwise = {
    ...issuer,
    claims: new Map([['team', { ...claim('team'), otherwise: 'rest' }]] as const),
  };
  expect(callerOf({ sub: 'ada' }, otherwise)).toMatchObject({ caller: { team: 'rest' } });
  expect(callerOf({ sub: 'ada', team: ['a'] }, otherwise)).toMatchObject({ kind: 'bad' });
});

test('what objects have by birth is no claim', () => {
  for (const path of [
    ['constructor', 'name'],
    ['toString'],
    ['__proto__'],
    ['groups', 'length'],
    ['groups', '01'],
    ['sub', '0'],
  ])
    expect(
      callerOf({ sub: 'ada', groups: ['a'] }, { ...issuer, subject: claim(...path) }),
    ).toMatchObject({ kind: 'bad' });
  const own = JSON.parse('{"sub":"ada","__proto__":{"team":"evil"}}');
  expect(callerOf(own, ofTeam)).toMatchObject({ kind: 'bad' });
});

test('an id is of plain characters, and two subjects never have the same', () => {
  const idOf = (sub: string): string => {
    const found = callerOf({ sub }, issuer);
    return found.kind === 'caller' ? found.caller.keyId : found.about;
  };
  expect(idOf('auth0|ada@example.org')).toBe('jwt:corp:auth0|ada@example.org');
  expect(idOf('a b')).toBe('jwt:corp:a%20b');
  expect(idOf('a%20b')).toBe('jwt:corp:a%2520b');
  expect(idOf('\u0430da')).toBe('jwt:corp:%D0%B0da');
  for (const sub of ['\u0430da', 'a,b"c\\d', 'ü'.repeat(40)])
    expect(idOf(sub)).toMatch(/^[\x21-\x7e]{1,400}$/);
  expect(idOf('ü'.repeat(43))).toBe('claims.key');
});

test('required claims must be equal, or a list that holds the value', () => {
  const strict: Issuer = {
    ...issuer,
    required: [
      { path: ['hd'], value: 'example.org' },
      { path: ['groups'], value: 'ai' },
      { path: ['verified'], value: true },
    ],
  };
  const good = { sub: 'ada', hd: 'example.org', groups: ['x', 'ai'], verified: true };
  expect(callerOf(good, strict)).toMatchObject({ kind: 'caller' });
  for (const wrong of [
    { hd: 'Example.org' },
    { groups: ['aix'] },
    { groups: 'a' },
    { groups: { 0: 'ai' } },
    { verified: 'true' },
    { verified: 1 },
    { hd: undefined },
  ])
    expect(callerOf({ ...good, ...wrong }, strict)).toEqual({ kind: 'bad', about: 'required' });
});

test('models come from a claim when the issuer says so, as a list or as one text; without it nothing may be used', () => {
  const by = { ...issuer, modelsFrom: ['models'] };
  const modelsOf = (models: unknown): unknown => {
    const found = callerOf({ sub: 'ada', models }, by);
    return found.kind === 'caller' ? found.caller.models : found.about;
  };
  expect(modelsOf(['gpt-*', 'claude-x'])).toEqual(['gpt-*', 'claude-x']);
  expect(modelsOf('gpt-4o  claude-*')).toEqual(['gpt-4o', 'claude-*']);
  for (const wrong of [
    undefined,
    [],
    '',
    ' ',
    ['a', 1],
    ['a', ''],
    ['*a'],
    ['a b'],
    [['a']],
    { 0: 'a' },
    Array.from({ length: 1001 }, () => 'a'),
  ])
    expect(modelsOf(wrong)).toBe('modelsFrom');
});
