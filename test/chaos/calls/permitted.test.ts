/** The one table of which rows agree with what was seen. */
import { describe, expect, test } from 'vitest';
import { clientEnds } from './evidence.ts';
import { permitted, type Ending, type Seen } from './permitted.ts';

const base: Seen = {
  client: 'whole',
  heard: true,
  code: '',
  costTold: false,
  last: 'whole',
  killed: false,
  full: false,
};
const of = (seen: Partial<Seen>): readonly Ending[] => [...permitted({ ...base, ...seen })].sort();

describe('a client that has all of its reply', () => {
  test('is answered, also when the gateway was killed', () => {
    expect(of({})).toEqual(['answered']);
    expect(of({ killed: true })).toEqual(['answered']);
    expect(of({ last: 'stopped', killed: true })).toEqual(['answered']);
  });

  test('may have lost its row to a kill while the disk was full, unless it was told a cost', () => {
    expect(of({ full: true })).toEqual(['answered']);
    expect(of({ full: true, killed: true })).toEqual(['answered', 'crashed']);
    expect(of({ full: true, killed: true, costTold: true })).toEqual(['answered']);
  });

  test.each(['died', 'refused', 'left', null] as const)(
    'agrees with no row when no provider gave it (%s)',
    (last) => {
      expect(of({ last, killed: true, full: true })).toEqual([]);
    },
  );
});

describe('a client that was told an error', () => {
  test.each(['died', 'refused', 'stopped'] as const)(
    'was let down by its last provider (%s)',
    (last) => {
      expect(of({ client: 'error', code: 'provider_error', last })).toEqual(['exhausted']);
      expect(of({ client: 'error', code: 'provider_error', last, killed: true })).toEqual([
        'crashed',
        'exhausted',
      ]);
    },
  );

  test('agrees with no row when a provider answered, or was left without a reason', () => {
    expect(of({ client: 'error', code: 'provider_error', last: 'whole', killed: true })).toEqual(
      [],
    );
    expect(of({ client: 'error', code: 'internal_error', last: null, killed: true })).toEqual([]);
    expect(of({ client: 'error', code: 'provider_error', last: 'left' })).toEqual([]);
    expect(of({ client: 'error', code: 'provider_timeout', last: 'left' })).toEqual(['exhausted']);
  });

  test('is turned away by a full disk only', () => {
    const full = { client: 'error', code: 'ledger_full', full: true } as const;
    expect(of({ ...full, last: null })).toEqual(['no row', 'throttled']);
    expect(of({ ...full, last: 'died' })).toEqual(['throttled']);
    expect(of({ ...full, last: null, full: false })).toEqual([]);
  });
});

test('a stream that ended with an error event is broken, by a provider that died', () => {
  expect(of({ client: 'break', last: 'died' })).toEqual(['broken']);
  expect(of({ client: 'break', last: 'died', killed: true })).toEqual(['broken', 'crashed']);
  expect(of({ client: 'break', last: 'left', code: 'stream_stalled' })).toEqual(['broken']);
  expect(of({ client: 'break', last: 'left' })).toEqual([]);
  expect(of({ client: 'break', last: 'whole', killed: true })).toEqual([]);
  expect(of({ client: 'break', last: 'refused' })).toEqual([]);
});

test('no reply ends politely before it is whole', () => {
  expect(of({ client: 'unended', killed: true, full: true })).toEqual([]);
});

describe('a client that left', () => {
  test('abandoned the call, or left after its end', () => {
    expect(of({ client: 'hung_up', last: 'left' })).toEqual(['abandoned']);
    expect(of({ client: 'hung_up', last: 'whole' })).toEqual(['abandoned', 'answered']);
    expect(of({ client: 'hung_up', last: 'died' })).toEqual(['abandoned', 'broken', 'exhausted']);
    expect(of({ client: 'hung_up', last: 'refused' })).toEqual(['abandoned', 'exhausted']);
    expect(of({ client: 'hung_up', last: 'left', killed: true })).toEqual(['abandoned', 'crashed']);
  });

  test('has a row, unless the gateway was killed or full before anybody had heard of the call', () => {
    const silent = { client: 'hung_up', last: null, heard: false } as const;
    expect(of(silent)).toEqual(['abandoned']);
    expect(of({ ...silent, killed: true })).toEqual(['abandoned', 'crashed', 'no row']);
    expect(of({ ...silent, full: true })).toEqual(['abandoned', 'no row', 'throttled']);
    expect(of({ ...silent, heard: true, killed: true })).toEqual(['abandoned', 'crashed']);
  });
});

describe('a client whose connection broke', () => {
  test('lost its gateway: crashed, or what had been written before', () => {
    const lost = { client: 'lost', killed: true } as const;
    expect(of({ ...lost, last: 'left' })).toEqual(['crashed']);
    expect(of({ ...lost, last: 'whole' })).toEqual(['answered', 'crashed']);
    expect(of({ ...lost, last: 'died' })).toEqual(['broken', 'crashed', 'exhausted']);
    expect(of({ ...lost, last: 'refused' })).toEqual(['crashed', 'exhausted']);
    expect(of({ ...lost, last: null, heard: false })).toEqual(['crashed', 'no row']);
    expect(of({ ...lost, last: null, heard: true })).toEqual(['crashed']);
  });

  test('agrees with no row when nobody killed it', () => {
    for (const last of ['whole', 'died', 'left', null] as const)
      expect(of({ client: 'lost', last, full: true })).toEqual([]);
  });
});

const lasts = ['whole', 'stopped', 'died', 'refused', 'left', null] as const;
const codes = ['', 'ledger_full', 'provider_error', 'stream_stalled', 'internal_error'];
const everything = clientEnds.flatMap((client) =>
  lasts.flatMap((last) =>
    codes.flatMap((code) =>
      Array.from({ length: 16 }, (_, bits): Seen => {
        const has = (bit: number): boolean => (bits & bit) !== 0;
        const flags = { heard: has(1), costTold: has(2), killed: has(4), full: has(8) };
        return { client, last, code, ...flags };
      }),
    ),
  ),
);

test('whatever else was seen: what each ending needs', () => {
  expect(everything.length).toBe(2_880);
  for (const seen of everything) {
    const { client, last, killed, full } = seen;
    const endings = permitted(seen);
    if (endings.has('crashed')) expect(killed).toBe(true);
    if (endings.has('no row')) expect([last, killed || full]).toEqual([null, true]);
    if (endings.has('answered')) expect(['whole', 'stopped']).toContain(last);
    if (endings.has('abandoned')) expect(client).toBe('hung_up');
    if (endings.has('throttled')) expect(full).toBe(true);
    for (const never of ['unidentified', 'refused', 'blocked'] as const)
      expect(endings.has(never)).toBe(false);
  }
});
