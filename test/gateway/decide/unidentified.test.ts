import { expect, test } from 'vitest';
import { authFailures, unidentified } from '../../../gateway/src/decide/unidentified.ts';

const messageOf = (reason: (typeof authFailures)[number]): string =>
  unidentified({ reason }).message;

test('a key is refused in the same words whatever was wrong with it', () => {
  expect(new Set((['missing', 'malformed', 'unknown'] as const).map(messageOf)).size).toBe(1);
});

test('each failure of a token has words of its own, and a code', () => {
  const ofTokens = authFailures.slice(3);
  expect(ofTokens).toHaveLength(9);
  expect(new Set(ofTokens.map(messageOf)).size).toBe(9);
  for (const reason of ofTokens)
    expect(unidentified({ reason }).code).toBe(
      reason === 'unavailable' ? 'issuer_unavailable' : 'invalid_api_key',
    );
});

test('a claim that does not fit is named by its field in the configuration', () => {
  expect(unidentified({ reason: 'claims', about: 'claims.team' }).message).toContain(
    '`claims.team`',
  );
});
