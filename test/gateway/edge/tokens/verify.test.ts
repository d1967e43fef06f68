/** Tokens and attacks on them: real signatures, keys over real sockets. */
import { CompactSign, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KeySet } from '../../../../gateway/src/edge/tokens/key-set.ts';
import { readKeys } from '../../../../gateway/src/edge/tokens/read-keys.ts';
import { tokenVerifier } from '../../../../gateway/src/edge/tokens/verify.ts';
import { algorithms, type Issuer } from '../../../../gateway/src/model/issuer.ts';
import {
  audience,
  makeKey,
  nowSeconds,
  publicText,
  startIssuer,
  type FakeIssuer,
  type SigningKey,
} from '../../../fakes/issuer.ts';

let rsa: SigningKey;
let ec: SigningKey;
let stranger: SigningKey;
beforeAll(async () => {
  [rsa, ec, stranger] = [
    await makeKey('rsa', 'RS256'),
    await makeKey('ec'),
    await makeKey('rsa', 'RS256'),
  ];
});

let corp: FakeIssuer;
let other: FakeIssuer;
let sets: KeySet[];
let verify: ReturnType<typeof tokenVerifier>;
/** Of the key sets, which only tell how long they rest. */
let monotonicMs: number;
/** Of the verifier. */
let clockMs: number;

const issuerOf = (name: string, { url }: FakeIssuer, more: Partial<Issuer> = {}): Issuer => ({
  name,
  issuer: url,
  audiences: [audience, 'https://tollgate.example'],
  keysFrom: { kind: 'url', url: `${url}/jwks` },
  algorithms,
  clockSkewMs: 30_000,
  claims: new Map([['team', { kind: 'claim', path: ['team'], otherwise: '' }]]),
  subject: { kind: 'claim', path: ['sub'], otherwise: null },
  user: { kind: 'claim', path: ['email'], otherwise: '' },
  required: [],
  models: null,
  modelsFrom: null,
  ...more,
});

const verifierOf = (issuers: readonly Issuer[]): ReturnType<typeof tokenVerifier> =>
  tokenVerifier(
    issuers.map((issuer) => {
      const { name, keysFrom } = issuer;
      const keySet = new KeySet(
        { name, issuer: issuer.issuer, keysFrom },
        {
          read: readKeys,
          nowMs: () => monotonicMs,
          later: () => () => {},
          onRefreshed: () => {},
          onFailed: () => {},
        },
      );
      sets.push(keySet);
      return { issuer, keySet };
    }),
    () => clockMs,
  );

beforeEach(async () => {
  [corp, other] = [await startIssuer(), await startIssuer()];
  corp.holds(rsa.jwk, ec.jwk);
  other.holds(stranger.jwk);
  [sets, monotonicMs, clockMs] = [[], 0, Date.now()];
  verify = verifierOf([issuerOf('corp', corp), issuerOf('other', other)]);
});
afterEach(async () => {
  for (const set of sets) set.close();
  await Promise.all([corp.close(), other.close()]);
});

const refusedFor = (reason: string) => ({ kind: 'unknown', reason });

test('a token of an issuer says who calls; the second time it is known at once', async () => {
  const token = await corp.sign(rsa, { team: 'search', email: 'ada@example.org' });
  const known = {
    kind: 'known',
    caller: { keyId: 'jwt:corp:ada', team: 'search', models: null },
    user: 'ada@example.org',
  };
  const first = verify(token);
  expect(first).toBeInstanceOf(Promise);
  expect(await first).toMatchObject(known);
  // No promise, so nothing was verified.
  expect(verify(token)).toMatchObject(known);
});

test.each(algorithms)('%s is verified', async (alg) => {
  const key = await makeKey('one', alg);
  corp.holds(key.jwk);
  expect(await verify(await corp.sign(key))).toMatchObject({ kind: 'known' });
});

test('one of several audiences is enough, on either side', async () => {
  for (const aud of ['https://tollgate.example', ['elsewhere', audience]])
    expect(await verify(await corp.sign(rsa, { aud }))).toMatchObject({ kind: 'known' });
});

test('a burst of calls with one new token verifies it once', async () => {
  const token = await corp.sign(rsa);
  const all = Array.from({ length: 20 }, () => verify(token));
  expect(new Set(all).size).toBe(1);
  for (const one of all) expect(await one).toMatchObject({ kind: 'known' });
});

describe('attacks', () => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('`alg: none`, in any letters, with and without a signature', async () => {
    const claims = { iss: corp.url, aud: audience, sub: 'root', exp: nowSeconds() + 60 };
    const unsigned = new UnsecuredJWT(claims).encode();
    expect(await verify(unsigned)).toEqual(refusedFor('algorithm'));
    for (const alg of ['none', 'None', 'NONE', 'nOnE', ''])
      for (const signature of ['', 'c2ln'])
        expect(await verify(`${part({ alg })}.${part(claims)}.${signature}`)).toEqual(
          refusedFor('algorithm'),
        );
  });

  test('HS256 with the public key of the issuer as its secret', async () => {
    for (const secret of [await publicText(rsa), JSON.stringify(rsa.jwk)]) {
      const token = await new SignJWT({ sub: 'root', exp: nowSeconds() + 60 })
        .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
        .setIssuer(corp.url)
        .setAudience(audience)
        .sign(Buffer.from(secret));
      expect(await verify(token)).toEqual(refusedFor('algorithm'));
    }
  });

  test('a symmetric key in the key set signs nothing', async () => {
    const secret = Buffer.alloc(32, 1);
    corp.holds({ kty: 'oct', k: secret.toString('base64url'), kid: 'oct', alg: 'HS256' });
    const token = await new SignJWT({ sub: 'root', exp: nowSeconds() + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: 'oct' })
      .setIssuer(corp.url)
      .setAudience(audience)
      .sign(secret);
    expect(await verify(token)).toEqual(refusedFor('algorithm'));
  });

  test('an algorithm that the issuer is not allowed', async () => {
    const strict = verifierOf([issuerOf('corp', corp, { algorithms: ['ES256'] })]);
    expect(await strict(await corp.sign(rsa))).toEqual(refusedFor('algorithm'));
    expect(await strict(await corp.sign(ec))).toMatchObject({ kind: 'known' });
  });

  test('a kid that is a path, a query or somebody else\u2019s', async () => {
    for (const kid of [
      '../../etc/passwd',
      "1' OR '1'='1",
      'ec',
      '',
      '__proto__',
      'http://127.0.0.1/jwks',
    ])
      expect(await verify(await corp.sign(stranger, {}, { kid }))).toEqual(refusedFor('signature'));
  });

  test('a key that the token brings along, or an address of one', async () => {
    for (const header of [
      { jwk: stranger.jwk },
      { jku: `${other.url}/jwks` },
      { x5u: `${other.url}/cert` },
      { jwk: stranger.jwk, kid: 'unheard-of' },
    ])
      expect(await verify(await corp.sign(stranger, {}, header))).toEqual(refusedFor('signature'));
    // Each issuer was asked for its keys, at the start and for the unheard-of key; nobody was asked for a certificate.
    expect([...corp.asked, ...other.asked].filter((path) => path !== '/jwks')).toEqual([]);
  });

  test('a critical header that nobody here understands', async () => {
    const token = await new CompactSign(
      Buffer.from(
        JSON.stringify({ iss: corp.url, aud: audience, sub: 'a', exp: nowSeconds() + 60 }),
      ),
    )
      .setProtectedHeader({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: true })
      .sign(rsa.pair.privateKey, { crit: { x: true } });
    expect(await verify(token)).toEqual(refusedFor('signature'));
  });

  test('another issuer\u2019s token under the same kid, and its claims under our signature', async () => {
    expect(await verify(await other.sign(stranger))).toMatchObject({ kind: 'known' });
    expect(await verify(await other.sign(stranger, { iss: corp.url }))).toEqual(
      refusedFor('signature'),
    );
    expect(await verify(await corp.sign(rsa, { iss: other.url }))).toEqual(refusedFor('signature'));
  });

  test('an issuer that nobody named, or that is named nearly so', async () => {
    for (const iss of [
      'https://evil.example',
      `${corp.url}/`,
      corp.url.toUpperCase(),
      ` ${corp.url}`,
    ])
      expect(await verify(await corp.sign(rsa, { iss }))).toEqual(refusedFor('issuer'));
  });

  test('a token for somebody else, or for nobody', async () => {
    for (const aud of ['elsewhere', ['elsewhere'], [], '', 'TOLLGATE', `${audience}x`])
      expect(await verify(await corp.sign(rsa, { aud }))).toEqual(refusedFor('audience'));
    expect(await verify(await corp.sign(rsa, { aud: undefined }))).toEqual(refusedFor('audience'));
  });

  test('expired, not yet valid, and neither beyond the skew of clocks', async () => {
    const at = Math.floor(clockMs / 1000);
    const judged = async (claims: object): Promise<unknown> =>
      verify(await corp.sign(rsa, { ...claims }));
    expect(await judged({ exp: at - 31 })).toEqual(refusedFor('expired'));
    expect(await judged({ exp: at - 20 })).toMatchObject({ kind: 'known' });
    expect(await judged({ nbf: at + 40 })).toEqual(refusedFor('not_yet_valid'));
    expect(await judged({ nbf: at + 20 })).toMatchObject({ kind: 'known' });
  });

  test('no end, or times that are no numbers', async () => {
    expect(await verify(await corp.sign(rsa, { exp: undefined }))).toEqual(refusedFor('claims'));
    for (const wrong of [{ exp: '9999999999' }, { nbf: 'now' }]) {
      const text = JSON.stringify({
        iss: corp.url,
        aud: audience,
        sub: 'a',
        exp: nowSeconds() + 60,
        ...wrong,
      });
      const token = await new CompactSign(Buffer.from(text))
        .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
        .sign(rsa.pair.privateKey);
      expect(await verify(token)).toMatchObject({ kind: 'unknown' });
    }
  });

  test('a claim twice in one token, which its issuer and we might read in two ways', async () => {
    const claims = `"iss":"${corp.url}","aud":"${audience}","sub":"a","exp":${nowSeconds() + 60}`;
    const signed = (text: string): Promise<string> =>
      new CompactSign(Buffer.from(text))
        .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
        .sign(rsa.pair.privateKey);
    expect(await verify(await signed(`{${claims}}`))).toMatchObject({ kind: 'known' });
    expect(await verify(await signed(`{${claims},"team":"a","team":"b"}`))).toEqual(
      refusedFor('token'),
    );
  });

  test('a changed claim, a changed signature, and parts of two tokens', async () => {
    const [head = '', body = '', signature = ''] = (await corp.sign(rsa)).split('.');
    const [, otherBody = ''] = (await corp.sign(rsa, { sub: 'root' })).split('.');
    expect(await verify(`${head}.${otherBody}.${signature}`)).toEqual(refusedFor('signature'));
    expect(await verify(`${head}.${body}.${signature.slice(0, -4)}AAAA`)).toEqual(
      refusedFor('signature'),
    );
    expect(await verify(`${head}.${body}.`)).toEqual(refusedFor('signature'));
  });

  test('claims of other types name the field that they do not fit', async () => {
    for (const team of [['a'], { a: 1 }, 'a\nb', 'x'.repeat(257)])
      expect(await verify(await corp.sign(rsa, { team }))).toEqual({
        kind: 'unknown',
        reason: 'claims',
        about: 'claims.team',
      });
  });

  test('a key of the set that is too short or damaged is no key', async () => {
    const { n: _n, ...damaged } = rsa.jwk;
    corp.holds({ ...damaged, n: 'AQAB' }, { kty: 'RSA', kid: 'half' });
    monotonicMs = 60_000;
    const fresh = verifierOf([issuerOf('corp', corp)]);
    expect(await fresh(await corp.sign(rsa))).toEqual(refusedFor('signature'));
    expect(await fresh(await corp.sign(rsa, {}, { kid: 'half' }))).toEqual(refusedFor('signature'));
  });
});

describe('rotation', () => {
  test('a new key works with its first token, the old one stops, and what it signed is forgotten', async () => {
    const old = await corp.sign(rsa);
    expect(await verify(old)).toMatchObject({ kind: 'known' });
    const next = await makeKey('next', 'RS256');
    corp.holds(next.jwk);
    expect(await verify(await corp.sign(next))).toMatchObject({ kind: 'known' });
    expect(await verify(old)).toEqual(refusedFor('signature'));
  });

  test('both keys hold while the issuer has both', async () => {
    const old = await corp.sign(rsa);
    const next = await makeKey('next', 'RS256');
    expect(await verify(old)).toMatchObject({ kind: 'known' });
    corp.holds(rsa.jwk, next.jwk);
    expect(await verify(await corp.sign(next))).toMatchObject({ kind: 'known' });
    expect(await verify(old)).toMatchObject({ kind: 'known' });
  });
});

describe('an issuer that is away', () => {
  test('tokens with known keys are verified for as long as one likes', async () => {
    await verify(await corp.sign(rsa));
    await corp.close();
    for (const hours of [1, 24, 24 * 30]) {
      monotonicMs = hours * 3_600_000;
      clockMs = Date.now() + monotonicMs;
      const exp = Math.floor(clockMs / 1000) + 60;
      expect(await verify(await corp.sign(rsa, { exp }))).toMatchObject({ kind: 'known' });
    }
    const exp = Math.floor(clockMs / 1000) + 60;
    expect(await verify(await corp.sign(stranger, { exp }, { kid: 'unheard-of' }))).toEqual(
      refusedFor('signature'),
    );
  });

  test('since the start: it is said so, and is over when it is back', async () => {
    corp.answer((response) => void response.writeHead(503).end());
    const fresh = verifierOf([issuerOf('corp', corp)]);
    const token = await corp.sign(rsa);
    expect(await fresh(token)).toEqual(refusedFor('unavailable'));
    corp.answer(null);
    monotonicMs = 1000;
    expect(await fresh(token)).toMatchObject({ kind: 'known' });
  });
});

test('what was verified is over when the token is, to the second', async () => {
  const exp = nowSeconds() + 100;
  const token = await corp.sign(rsa, { exp });
  await verify(token);
  clockMs = exp * 1000 - 1;
  expect(verify(token)).not.toBeInstanceOf(Promise);
  clockMs = exp * 1000;
  // In the skew after its end it holds, and is verified each time.
  for (let i = 0; i < 2; i += 1) {
    const again = verify(token);
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toMatchObject({ kind: 'known' });
  }
  clockMs = (exp + 31) * 1000;
  expect(await verify(token)).toEqual(refusedFor('expired'));
});
