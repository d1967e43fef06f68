import { expect, test } from 'vitest';
import { compared } from './compare.ts';
import { machine, type Recorded } from './support/report.ts';

const runOf = (rows: readonly (readonly string[])[]): Recorded => ({
  benchmark: 'gateway',
  at: '2026-01-01T00:00:00.000Z',
  machine: machine(),
  settings: {},
  tables: [
    { title: 'Whole replies', head: ['variant', 'us/call min', 'x nginx', 'errors'], rows },
    { title: 'Memory', head: ['what', 'MiB'], rows: [['gateway', '400']] },
  ],
  notes: [],
  problems: [],
});

test('lines that both runs have are compared by their ratio to nginx, whatever their times were', () => {
  const before = runOf([
    ['nginx', '10', '1.00', '0'],
    ['gateway', '60', '6.00', '0'],
    ['gone', '60', '6.00', '0'],
  ]);
  const now = runOf([
    ['nginx', '40', '1.00', '0'],
    ['gateway', '300', '7.50', '0'],
    ['new', '60', '6.00', '0'],
    ['unknown', '60', '-', '0'],
  ]);
  expect(compared(before, now)).toEqual([
    { title: 'Whole replies', variant: 'gateway', before: 6, ratio: 7.5, change: 25 },
  ]);
  expect(compared(now, before)[0]?.change).toBeCloseTo(-20);
});
