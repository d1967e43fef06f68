import { expect, test } from 'vitest';
import { isTokenLike, readToken } from '../../../../gateway/src/decide/tokens/read-token.ts';

const part = (text: string): string => Buffer.from(text).toString('base64url');
const tokenOf = (header: string, claims: string): string => `${part(header)}.${part(claims)}.c2ln`;
const header = '{"alg":"RS256","kid":"1"}';

test('what begins as a JSON object in base64url and has two dots is meant as a token', () => {
  expect(isTokenLike(tokenOf(header, '{}'))).toBe(true);
  for (const text of ['tg-0123', 'eyJ', 'eyJ.a', 'eyJ.a.b.c', 'x.eyJ.a', 'sk-a.b.c'])
    expect(isTokenLike(text)).toBe(false);
});

test('its issuer and its algorithm are read, to find who can have signed it', () => {
  expect(readToken(tokenOf(header, '{"iss":"https://a"}'))).toEqual({
    issuer: 'https://a',
    algorithm: 'RS256',
  });
});

// oxfmt-ignore
test.each([
  ['claims that are no JSON', tokenOf(header, '{"iss":"a"')], ['claims that are a list', tokenOf(header, '["iss"]')],
  ['a header that is text', tokenOf('"RS256"', '{"iss":"a"}')], ['no issuer', tokenOf(header, '{}')],
  ['an issuer that is a list', tokenOf(header, '{"iss":["a"]}')], ['no algorithm', tokenOf('{}', '{"iss":"a"}')],
  ['an algorithm that is a number', tokenOf('{"alg":1}', '{"iss":"a"}')],
  ['a claim twice', tokenOf(header, '{"iss":"a","team":"x","team":"y"}')],
  ['a claim twice, once in other characters', tokenOf(header, '{"iss":"a","team":"x","te\\u0061m":"y"}')],
  ['a claim twice further in', tokenOf(header, '{"iss":"a","k":{"ns":"x","ns":"y"}}')],
  ['an algorithm twice', tokenOf('{"alg":"none","alg":"RS256"}', '{"iss":"a"}')],
  ['bytes that are no UTF-8', `${part(header)}.${Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url')}.c2ln`],
  ['padding and other characters', `${part(header)}.${part('{"iss":"a"}')}==.c2ln`],
  ['an empty part', `${part(header)}..c2ln`],
  ['very deep claims', tokenOf(header, `{"iss":"a","x":${'['.repeat(20)}${']'.repeat(20)}}`)],
  ['more than 16 KiB', tokenOf(header, `{"iss":"a","x":"${'x'.repeat(16_384)}"}`)],
])('%s: it is no token', (_what, text) => {
  expect(readToken(text)).toBeNull();
});
