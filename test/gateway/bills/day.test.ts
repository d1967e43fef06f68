import { expect, test } from 'vitest';
import { dayOfEpoch, dayOfText } from '../../../gateway/src/bills/day.ts';

test('every day of two centuries is the one of the calendar', () => {
  for (let day = Date.UTC(2000, 0, 1); day < Date.UTC(2200, 0, 1); day += 86_400_000)
    expect(dayOfEpoch(day / 1000)).toBe(new Date(day).toISOString().slice(0, 10));
  expect(dayOfEpoch(1_730_419_201)).toBeNull();
  expect(dayOfEpoch(NaN)).toBeNull();
  expect(dayOfEpoch(-86_400)).toBeNull();
});

test.each([
  ['2026-10-01', '2026-10-01'],
  ['2026-10-01T23:00:00Z', '2026-10-01'],
  ['2026-10-01T00:00:00.000Z', '2026-10-01'],
  ['2026-10-01 05:00:00', '2026-10-01'],
  ['10/31/2026', '2026-10-31'],
  ['2028-02-29', '2028-02-29'],
  ['2026-02-29', null],
  ['2026-13-01', null],
  ['31/10/2026', null],
  ['2026-10-01T00:00:00-07:00', null],
  ['yesterday', null],
])('%s is %s', (text, day) => {
  expect(dayOfText(text)).toBe(day);
});
