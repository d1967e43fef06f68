import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { decoded } from '@tollgate/settings/decode.ts';
import { madeDocument, startComplaints } from '@tollgate/settings/document.ts';
import { count, duration, flag, section } from '@tollgate/settings/fields.ts';
import { takeOver } from '@tollgate/settings/live.ts';

const document = madeDocument('f', {});

const schema = Type.Object({
  limits: section('Counts at once.', {
    calls: count(1, [0, 9], 'Live.'),
    body: count(1, [0, 9], 'Not.', { live: false }),
  }),
  spool: section(
    'Counts at start.',
    {
      wait: duration('1s', 'Not.'),
      deep: section('Neither.', { size: count(1, [0, 9], 'Not.') }),
      told: flag(true, 'Live.', { live: true }),
    },
    { live: false },
  ),
});

const read = (given: { limits?: object; spool?: object }) => {
  const complaints = startComplaints(document);
  const whole = { limits: {}, spool: {}, ...given };
  const value = decoded(schema, whole, [], { document, complaints });
  if (value === null || complaints.count() > 0) throw new Error('not what the test means');
  return value;
};

test('what is declared live is taken over, and the rest stays as it runs', () => {
  const next = read({
    limits: { calls: 5, body: 6 },
    spool: { wait: '2s', deep: { size: 3 }, told: false },
  });
  expect(takeOver(schema, read({}), next)).toEqual({
    inForce: {
      limits: { calls: 5, body: 1 },
      spool: { waitMs: 1000, deep: { size: 1 }, told: false },
    },
    waiting: ['limits.body', 'spool.wait', 'spool.deep.size'],
  });
});

test('nothing waits when nothing that counts at start differs, also when it is changed back', () => {
  expect(takeOver(schema, read({}), read({ limits: { calls: 2 } })).waiting).toEqual([]);
  const running = read({ spool: { wait: '2s' } });
  const { inForce } = takeOver(schema, running, read({ spool: { wait: '3s' } }));
  expect(takeOver(schema, inForce, read({ spool: { wait: '2000ms' } })).waiting).toEqual([]);
});
