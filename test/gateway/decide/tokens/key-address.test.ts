import { expect, test } from 'vitest';
import { isKeyAddress, mayFetch } from '../../../../gateway/src/decide/tokens/key-address.ts';

// oxfmt-ignore
test.each([
  ['https://login.example.org/keys', true], ['https://login.example.org', true], ['http://127.0.0.1:8080/keys', true],
  ['http://localhost/keys', true], ['http://[::1]:1/', true], ['https://10.0.0.1/', true],
  ['http://login.example.org/keys', false], ['http://127.0.0.1.example.org/', false], ['http://10.0.0.1/', false],
  ['http://169.254.169.254/latest', false], ['https://user:pass@example.org/', false], ['https://example.org/#a', false],
  ['file:///etc/passwd', false], ['ftp://localhost/', false], ['login.example.org', false], ['', false],
] as const)('%s: keys may come from there: %s', (url, may) => {
  expect(isKeyAddress(url)).toBe(may);
});

test('an issuer of elsewhere cannot send us to this machine, nor from https to http', () => {
  const issuer = 'https://login.example.org';
  expect(mayFetch('https://keys.example.net/jwks', issuer)).toBe(true);
  for (const url of [
    'http://127.0.0.1:9/',
    'https://localhost/keys',
    'http://login.example.org/keys',
    'no address',
  ])
    expect(mayFetch(url, issuer)).toBe(false);
  expect(mayFetch('http://127.0.0.1:9/jwks', 'http://localhost:8080')).toBe(true);
});
