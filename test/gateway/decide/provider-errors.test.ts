import { expect, test } from 'vitest';
import { errors } from '../../../gateway/src/contract/errors.ts';
import {
  otherRefusals,
  refusalsByCode,
  refusalsByStatus,
  statusOfCode,
  type RefusalRow,
} from '../../../gateway/src/contract/provider-errors.ts';
import { judge, knownName, statusOfError } from '../../../gateway/src/decide/provider-errors.ts';

const nothing = { type: '', code: '', message: '' };

test.each(Object.entries(refusalsByStatus))('status %s has its own row', (status, row) => {
  expect(judge(Number(status), nothing)).toEqual(row);
});

test('other statuses are judged by their hundreds', () => {
  expect(judge(418, nothing)).toEqual(otherRefusals['4xx']);
  expect(judge(520, nothing)).toEqual(otherRefusals['5xx']);
  expect(judge(302, nothing)).toEqual(otherRefusals.other);
});

test.each(Object.entries(refusalsByCode))('%s goes before the status', (code, row) => {
  expect(judge(429, { ...nothing, code })).toEqual(row);
  expect(judge(400, { ...nothing, type: code })).toEqual(row);
});

test('a rate limit is waited for, an empty account is not: the next target is asked', () => {
  const limit = judge(429, { ...nothing, type: 'requests', code: 'rate_limit_exceeded' });
  const empty = judge(429, { ...nothing, type: 'insufficient_quota', code: 'insufficient_quota' });
  expect([limit.recourse, empty.recourse]).toEqual(['again', 'elsewhere']);
  const credit = 'Your credit balance is too low to access the Anthropic API.';
  expect(judge(400, { ...nothing, type: 'invalid_request_error', message: credit })).toMatchObject({
    code: 'provider_account',
    recourse: 'elsewhere',
    words: 'ours',
  });
});

test('names of a prototype are no names of errors', () => {
  for (const code of ['constructor', '__proto__', 'toString']) {
    expect(judge(400, { ...nothing, code })).toEqual(refusalsByStatus[400]);
    expect(statusOfError({ ...nothing, code })).toBe(502);
    expect(knownName({ ...nothing, code })).toBe('');
  }
});

test.each([
  [{ code: '429' }, 429],
  [{ code: '402', type: 'server_error' }, 402],
  [{ code: '1300', type: 'rate_limit_error' }, 429],
  [{ type: 'overloaded_error' }, 529],
  [{ type: 'server_error', code: 'rate_limit_exceeded' }, 429],
  [{ type: 'something_new' }, 502],
  [{}, 502],
])('an error inside a reply, %j, amounts to %i', (name, status) => {
  expect(statusOfError({ ...nothing, ...name })).toBe(status);
});

test('every row names an error of ours, and a pause helps only against what passes', () => {
  const rows: readonly RefusalRow[] = [
    ...Object.values(refusalsByStatus),
    ...Object.values(otherRefusals),
    ...Object.values(refusalsByCode),
  ];
  for (const row of rows) {
    expect(errors[row.code].origin).toMatch(/provider|network/);
    if (row.kind === 'auth') expect(row.recourse).toBe('elsewhere');
    if (row.kind === 'caller') expect(row.recourse).not.toBe('again');
  }
  expect(Object.values(statusOfCode).every((status) => status >= 400 && status < 600)).toBe(true);
});

test('only names of our own table are written down', () => {
  expect(knownName({ ...nothing, type: 'requests', code: 'rate_limit_exceeded' })).toBe(
    'rate_limit_exceeded',
  );
  expect(knownName({ ...nothing, code: 'sk-secret' })).toBe('');
});
