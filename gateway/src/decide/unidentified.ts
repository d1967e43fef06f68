/** Why nobody is known to call -> what the client reads of it. Of a token only what is wrong is said, never what is in it. */
import type { Problem } from '../model/call.ts';
import type { AuthFailure, Unknown } from './identify.ts';
import { plain } from './refuse.ts';

const token = (words: string): Problem => ({
  code: 'invalid_api_key',
  message: `The token was refused: ${words}`,
  param: null,
});

const claimed = (about: string): string =>
  about === ''
    ? 'a claim that must be there is missing, or is none of its type.'
    : `what \`${about}\` of the issuer asks of its claims does not hold: missing, of another type, too long, or not what it must be.`;

/** The problem that a call of nobody ends with. */
export const unidentified = ({
  reason,
  about = '',
}: Pick<Unknown, 'reason' | 'about'>): Problem => {
  switch (reason) {
    case 'missing':
    case 'malformed':
    case 'unknown':
      return plain('invalid_api_key');
    case 'token':
      return token('it is no signed token (three parts of base64url, JSON, no key twice, 16 KiB).');
    case 'issuer':
      return token('this gateway knows no issuer with the name in `iss`.');
    case 'algorithm':
      return token('its issuer does not sign with the algorithm that it names.');
    case 'signature':
      return token('no current key of its issuer has signed it.');
    case 'audience':
      return token('it was made for somebody else (`aud`).');
    case 'expired':
      return token('it has expired (`exp`).');
    case 'not_yet_valid':
      return token('it is not valid yet (`nbf`).');
    case 'claims':
      return token(claimed(about));
    case 'unavailable':
      return {
        code: 'issuer_unavailable',
        message: 'The keys of the issuer of this token could not be had yet. Ask again.',
        param: null,
      };
  }
};

/** All reasons, for series that must be there before they are counted. */
export const authFailures = [
  'missing',
  'malformed',
  'unknown',
  'token',
  'issuer',
  'algorithm',
  'signature',
  'audience',
  'expired',
  'not_yet_valid',
  'claims',
  'unavailable',
] as const satisfies readonly AuthFailure[];
