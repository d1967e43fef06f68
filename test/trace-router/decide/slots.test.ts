import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { slotCount } from '../../../trace-router/src/decide/slot-of.ts';
import { fillSlots } from '../../../trace-router/src/decide/slots.ts';
import type { Placed, SlotTable } from '../../../trace-router/src/decide/slots.ts';

const members = (count: number, prefix = 'sampler-'): Placed[] =>
  Array.from({ length: count }, (_, i) => ({ name: `${prefix}${i}`, weight: 1 }));
const held = (table: SlotTable): Map<string, number> => {
  const counts = new Map(table.names.map((name) => [name, 0]));
  for (const owner of table.owner) {
    const name = table.names[owner] ?? 'nobody';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
};
const moved = (a: SlotTable, b: SlotTable): number =>
  a.owner.reduce(
    (sum, owner, slot) => (a.names[owner] === b.names[b.owner[slot] ?? -1] ? sum : sum + 1),
    0,
  );
const expectFair = (table: SlotTable, placed: readonly Placed[]) => {
  const total = placed.reduce((sum, { weight }) => sum + weight, 0);
  const slots = held(table);
  for (const { name, weight } of placed) {
    const share = (slotCount * weight) / total;
    expect(Math.abs((slots.get(name) ?? 0) - share)).toBeLessThan(1);
  }
};

test.each([1, 2, 3, 10, 50, 100])('each of %i members is within one slot of its share', (count) => {
  expectFair(fillSlots(members(count)), members(count));
});

test('weights act through the shares', () => {
  const placed = [
    { name: 'small', weight: 1 },
    { name: 'large', weight: 3 },
    { name: 'half', weight: 0.5 },
  ];
  expectFair(fillSlots(placed), placed);
});

test.each([
  [3, 4],
  [5, 6],
  [10, 11],
  [16, 17],
])('from %i to %i members the minimum moves, and only to the newcomer', (before, after) => {
  const a = fillSlots(members(before));
  const b = fillSlots(members(after), a);
  expectFair(b, members(after));
  const newcomer = held(b).get(`sampler-${after - 1}`);
  expect(moved(a, b)).toBe(newcomer);
  expect(newcomer).toBeLessThanOrEqual(Math.ceil(slotCount / after));
});

test('over a random history of joins and leaves every table is fair and every step moves the minimum', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 }),
      (toggles) => {
        const present = new Set([0, 1, 2, 3]);
        const placed = () => [...present].map((n) => ({ name: `m${n}`, weight: 1 }));
        let table = fillSlots(placed());
        for (const n of toggles) {
          const joins = !present.has(n);
          if (joins) present.add(n);
          else if (present.size > 1) present.delete(n);
          else continue;
          const next = fillSlots(placed(), table);
          expectFair(next, placed());
          // a join moves what the newcomer holds, a leave what the leaver held: nothing less is possible
          const owed = joins ? held(next).get(`m${n}`) : held(table).get(`m${n}`);
          expect(moved(table, next)).toBe(owed);
          table = next;
        }
      },
    ),
    { numRuns: 2 },
  );
});

test('the order in which members are given does not matter, nor does the run', () => {
  const a = fillSlots(members(7));
  const b = fillSlots(members(7).reverse());
  expect([moved(a, b), moved(a, fillSlots(members(7), a))]).toEqual([0, 0]);
});

test('a name with a colon, like an address, is a name', () => {
  const table = fillSlots([
    { name: '10.0.0.1:4317', weight: 1 },
    { name: '[::1]:4317', weight: 1 },
  ]);
  expect([...held(table).values()]).toEqual([slotCount / 2, slotCount / 2]);
});

test('no members, or a member without weight, is a mistake of ours', () => {
  expect(() => fillSlots([])).toThrow('needs members');
  expect(() => fillSlots([{ name: 'a', weight: 0 }])).toThrow('weight above 0');
});
