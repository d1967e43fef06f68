import { describe, expect, test } from 'vitest';
import { foreign } from '../../../deploy/listener/src/foreign.ts';
import { hostList, ownNames } from '../../../deploy/listener/src/names.ts';

describe('the names of a listener', () => {
  const serves = (bound: string, host: string, configured: readonly string[] = []): boolean =>
    foreign(
      { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: ['Host', host] },
      ownNames(bound, configured),
    ) === null;

  test.each(['0.0.0.0', '::', '10.1.2.3', 'gateway.internal'])(
    'on %s: addresses, and names that no stranger can register',
    (bound) => {
      for (const host of [
        '10.1.2.3:8080',
        '[fd00::1]:8080',
        'localhost:9999',
        'tollgate:8080',
        'tollgate.ai.svc',
        'tollgate.ai.svc.cluster.local:8080',
        'gateway.internal',
        'build7.local',
      ])
        expect([bound, host, serves(bound, host)]).toEqual([bound, host, true]);
      for (const host of [
        'ai.example.org',
        'tollgate.ai',
        '0.0.0.0:8080',
        '[::]',
        'local.evil.example',
      ])
        expect([bound, host, serves(bound, host)]).toEqual([bound, host, false]);
    },
  );

  test('every name may be allowed; a page of another origin still is refused', () => {
    expect(serves('127.0.0.1', 'anything.example', ['*'])).toBe(true);
    const page = ['Host', 'anything.example', 'Origin', 'http://other.example'];
    const head = { method: 'POST', url: '/', httpVersion: '1.1', rawHeaders: page };
    expect(foreign(head, ownNames('127.0.0.1', ['*']))).toBe('origin');
  });

  test('a list is read name by name, and says which one it cannot read', () => {
    expect(hostList('')).toEqual([]);
    expect(hostList(' AI.example.org. , *,[fd00::1]:80 ')).toEqual([
      'ai.example.org',
      '*',
      '[fd00::1]:80',
    ]);
    expect(hostList('a,https://b')).toEqual({
      problem:
        "must be names such as ai.example.org or ai.example.org:8443, separated by commas, or *, not 'https://b'",
    });
  });
});
