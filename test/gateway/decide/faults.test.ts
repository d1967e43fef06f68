import { expect, test } from 'vitest';
import {
  abandonment,
  lateMessage,
  networkFault,
  stoppedFault,
  timeoutFault,
  unendedFault,
} from '../../../gateway/src/decide/faults.ts';

const error = (code: string) => Object.assign(new Error('words of the system'), { code });
const at = { status: 0, begun: false, wasUnread: false };

test.each([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'CERT_HAS_EXPIRED',
])('%s: nobody was reached, so nobody bills', (code) => {
  expect(networkFault(error(code), at)).toMatchObject({ mayBeBilled: false, recourse: 'again' });
});

test('a connection that is lost after the request went out may be billed, unless it was never read', () => {
  const reset = error('ECONNRESET');
  expect(networkFault(reset, at)).toMatchObject({
    code: 'provider_unreachable',
    mayBeBilled: true,
  });
  expect(networkFault(reset, { ...at, wasUnread: true }).mayBeBilled).toBe(false);
});

test('a reply that has begun is cut, whatever the system calls it', () => {
  const cut = networkFault(error('UND_ERR_SOCKET'), { ...at, status: 200, begun: true });
  expect(cut).toMatchObject({ code: 'stream_cut', status: 200, kind: 'network' });
});

test('a clock that ran out says how long it had waited: silence is judged anew once there is content', () => {
  const times = { firstByteMs: 1, firstContentMs: 2, idleMs: 3, totalMs: 4 };
  expect(lateMessage('silence', times, false)).toBe('The provider sent nothing within 1 ms.');
  expect(lateMessage('silence', times, true)).toBe('The provider sent nothing within 3 ms.');
  expect(lateMessage('first_content', times, false)).toContain('no content within 2 ms');
  expect(lateMessage('total', times, true)).toContain('not finish within 4 ms');
});

test("no fault repeats the system's words: they may name what was sent", () => {
  for (const begun of [true, false])
    expect(JSON.stringify(networkFault(error('X'), { ...at, begun }))).not.toContain('words of');
});

test('clocks: before the first content a timeout of the provider, after it a stall', () => {
  expect(timeoutFault(0, false, 'm')).toMatchObject({ code: 'provider_timeout', kind: 'timeout' });
  expect(timeoutFault(200, true, 'm')).toMatchObject({ code: 'stream_stalled', kind: 'timeout' });
});

test('a body that ends before its reply does: no reply, or a cut one', () => {
  expect(unendedFault(200, false).code).toBe('provider_invalid');
  expect(unendedFault(200, true).code).toBe('stream_cut');
});

test('the end of the gateway and of the client is not the fault of the provider', () => {
  expect(stoppedFault(0, false)).toMatchObject({ kind: 'gateway', mayBeBilled: false });
  expect(stoppedFault(200, true).mayBeBilled).toBe(true);
  expect(abandonment(200, false)).toMatchObject({ kind: 'caller', code: 'client_closed' });
  expect(abandonment(200, true).message).toContain('stopped reading');
});
