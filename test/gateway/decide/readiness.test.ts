import { expect, test } from 'vitest';
import {
  ledgersTogether,
  readinessOf,
  readinessOfAll,
  type Health,
  type Heard,
} from '../../../gateway/src/decide/readiness.ts';

const fine: Health = {
  reason: null,
  waiting: null,
  ledger: {
    full: null,
    unshippedRows: 2,
    oldestRowSeconds: 3,
    reconciledSecondsAgo: 10,
    shipFailures: 1,
    rowsMissing: 0,
    rowsDouble: 0,
    rowsDamaged: 0,
    rowsDropped: 0,
    filesSetAside: 1,
  },
  configuration: { hash: 'abc', restartNeeded: [] },
};
const full: Health = {
  ...fine,
  reason: 'ledger_full: no room',
  ledger: { ...fine.ledger, full: 'disk', oldestRowSeconds: 40, reconciledSecondsAgo: 90 },
};
const heard = (
  worker: number,
  answer: Health | null,
  state: Heard<Health>['state'] = 'ready',
): Heard<Health> => ({
  worker,
  pid: state === 'waiting' ? null : 100 + worker,
  state,
  restarts: 0,
  answer,
});

test('one process says what it is, and why not', () => {
  expect(readinessOf(fine)).toEqual({
    isReady: true,
    body: {
      status: 'ready',
      ledger: expect.objectContaining({ unshipped_rows: 2, full: null, files_set_aside: 1 }),
      configuration: { hash: 'abc', restart_needed: [] },
    },
  });
  expect(readinessOf({ ...fine, waiting: 'for a table' }).body).toMatchObject({
    status: 'ready',
    waiting: 'for a table',
  });
  const not = readinessOf(full);
  expect(not.isReady).toBe(false);
  expect(not.body).toMatchObject({ status: 'not ready', reason: 'ledger_full: no room' });
});

test('rows of several ledgers add up, and of what lasts or waits the worst counts', () => {
  expect(ledgersTogether([fine.ledger, full.ledger])).toEqual({
    ...fine.ledger,
    full: 'disk',
    unshippedRows: 4,
    oldestRowSeconds: 40,
    reconciledSecondsAgo: 90,
    shipFailures: 2,
    filesSetAside: 2,
  });
  const never = { ...fine.ledger, reconciledSecondsAgo: null };
  expect(ledgersTogether([fine.ledger, never]).reconciledSecondsAgo).toBe(null);
});

test('several are ready when each of them has been', () => {
  const begun = [heard(1, fine), heard(2, null, 'starting')];
  expect(readinessOfAll(begun, false)).toMatchObject({
    isReady: false,
    body: { reason: '1 of 2 workers are ready' },
  });
  expect(readinessOfAll([heard(1, fine), heard(2, fine)], true)).toMatchObject({
    isReady: true,
    body: {
      ledger: { unshipped_rows: 4 },
      configuration: { hash: 'abc' },
      workers: [
        { worker: 1, pid: 101, state: 'ready', restarts: 0 },
        { worker: 2, pid: 102, state: 'ready', restarts: 0 },
      ],
    },
  });
});

test('one that refuses calls makes all unready, because nobody can choose the worker of a call', () => {
  expect(readinessOfAll([heard(1, fine), heard(2, full)], true)).toMatchObject({
    isReady: false,
    body: { reason: 'worker 2: ledger_full: no room' },
  });
});

test('one that is away or silent is told, and makes nothing unready while another serves', () => {
  const away = readinessOfAll([heard(1, fine), heard(2, null, 'waiting')], true);
  expect(away).toMatchObject({ isReady: true, body: { waiting: '1 of 2 workers are ready' } });
  const silent = readinessOfAll([heard(1, fine), heard(2, null)], true);
  expect(silent).toMatchObject({ isReady: true, body: { workers: [{}, { state: 'silent' }] } });
  const none = readinessOfAll([heard(1, null, 'waiting'), heard(2, null, 'starting')], true);
  expect(none.isReady).toBe(false);
});

test('workers with different configurations show both', () => {
  const other: Health = {
    ...fine,
    waiting: 'rows',
    configuration: { hash: 'def', restartNeeded: ['ledger.maxSpool'] },
  };
  expect(readinessOfAll([heard(1, fine), heard(2, other)], true).body).toMatchObject({
    waiting: 'worker 2: rows',
    configuration: { hash: 'abc, def', restart_needed: ['ledger.maxSpool'] },
  });
});
