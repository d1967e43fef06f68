import { expect, test } from 'vitest';
import { errors, type ErrorCode } from '../../../gateway/src/contract/errors.ts';
import { plain, refusalFor, refusalForFault } from '../../../gateway/src/decide/refuse.ts';
import type { Fault, ProviderError } from '../../../gateway/src/model/fault.ts';

const said = (status: number, dialect: ProviderError['dialect'] = 'openai'): ProviderError => ({
  status,
  dialect,
  type: 't',
  code: 'c',
  message: 'their words',
  param: 'messages',
  headers: {},
  body: null,
});
const fault = (code: ErrorCode, more: Partial<Fault> = {}): Fault => ({
  kind: 'server',
  code,
  status: 500,
  message: 'our words',
  recourse: 'none',
  retryAfterMs: null,
  mayBeBilled: false,
  said: null,
  ...more,
});

test('a refusal has the status and origin of its row', () => {
  const refusal = refusalFor(plain('draining'));
  const { status, origin } = errors.draining;
  expect(refusal).toMatchObject({ code: 'draining', status, origin, headers: {}, said: null });
});

test("a provider's error keeps its own status for a client of its dialect", () => {
  const overloaded = fault('provider_overloaded', { said: said(529, 'anthropic') });
  expect(refusalForFault(overloaded, 'anthropic')).toMatchObject({
    status: 529,
    param: 'messages',
  });
  // A client of another dialect knows no 529.
  expect(refusalForFault(overloaded, 'openai').status).toBe(errors.provider_overloaded.status);
  expect(refusalForFault(fault('provider_error', { said: said(500) }), 'anthropic').status).toBe(
    500,
  );
});

test('a refusal of the request keeps its status in every dialect', () => {
  const refused = fault('provider_refused', { said: said(451) });
  for (const dialect of ['openai', 'anthropic'] as const)
    expect(refusalForFault(refused, dialect).status).toBe(451);
});

test('without words of the provider, and in a stream that broke, the row of the code counts', () => {
  expect(refusalForFault(fault('provider_auth'), 'openai')).toMatchObject({
    status: 502,
    message: 'our words',
    param: null,
  });
  const broken = fault('stream_failed', { said: said(429) });
  expect(refusalForFault(broken, 'openai').status).toBe(errors.stream_failed.status);
});

test('a pause that the provider asks for is passed on', () => {
  const limited = fault('provider_rate_limited', { retryAfterMs: 2500 });
  expect(refusalForFault(limited, 'openai').retryAfterMs).toBe(2500);
});
