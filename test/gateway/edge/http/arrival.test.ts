import { expect, test } from 'vitest';
import { writtenHeader } from '../../../../gateway/src/edge/http/arrival.ts';

/** As Node hands over header bytes. */
const received = (text: string, encoding: BufferEncoding): string =>
  Buffer.from(text, encoding).toString('latin1');

test('a name sent as UTF-8 arrives as it was written', () => {
  const headers = { 'x-tollgate-user': received('Zoë 王', 'utf8') };
  expect(writtenHeader(headers, 'x-tollgate-user')).toBe('Zoë 王');
});

test('a name sent as Latin-1 stays what it was read as', () => {
  const headers = { 'x-tollgate-user': received('Zoë', 'latin1') };
  expect(writtenHeader(headers, 'x-tollgate-user')).toBe('Zoë');
});

test('plain and missing values are left alone', () => {
  expect(writtenHeader({ 'x-tollgate-user': 'zoe' }, 'x-tollgate-user')).toBe('zoe');
  expect(writtenHeader({}, 'x-tollgate-user')).toBeUndefined();
});
