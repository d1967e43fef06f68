import { expect, test } from 'vitest';
import {
  brokenLinks,
  entryIn,
  linked,
  noEntries,
  shownEntry,
  type AuditEntry,
  type AuditFacts,
} from '../../../gateway/src/control/audit.ts';

const facts = (id: string, more: Partial<AuditFacts> = {}): AuditFacts => ({
  atMs: Date.parse('2026-11-30T12:00:00.123Z'),
  actor: { name: 'master', address: '127.0.0.1' },
  action: 'create',
  kind: 'key',
  id,
  before: null,
  after: { team: 'a', models: null, metadata: { x: [1, 'y'] } },
  refused: null,
  ...more,
});

const chain = (): readonly AuditEntry[] => {
  const entries: AuditEntry[] = [];
  for (const id of ['a', 'b', 'c', 'd'])
    entries.push(linked(facts(id), entries.at(-1) ?? noEntries));
  return entries;
};

test('entries that follow one another are whole, from the first on and from any other', () => {
  const all = chain();
  expect(brokenLinks(all, noEntries)).toEqual([]);
  expect(brokenLinks(all.slice(2), all[1] ?? noEntries)).toEqual([]);
  expect(all.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
});

test.each<[string, (all: AuditEntry[]) => AuditEntry[], RegExp]>([
  ['taken away', (all) => all.toSpliced(1, 1), /entry 3 follows entry 1/],
  ['taken away at the beginning', (all) => all.slice(1), /entry 2 follows entry 0/],
  [
    'changed',
    (all) => all.map((one, i) => (i === 0 ? { ...one, id: 'x' } : one)),
    /entry 1 was changed/,
  ],
  [
    'changed in what was',
    (all) => all.map((one, i) => (i === 0 ? { ...one, after: { team: 'b' } } : one)),
    /entry 1 was changed/,
  ],
  [
    'put in another order',
    ([a, b, ...rest]) => [b, a, ...rest].flatMap((one) => one ?? []),
    /entry 2 follows entry 0/,
  ],
  [
    'written anew',
    ([first, second, ...rest]) => [
      linked(facts('forged'), noEntries),
      ...[second, ...rest].flatMap((one) => (first === undefined || one === undefined ? [] : one)),
    ],
    /entry 2 does not follow/,
  ],
])('an entry that was %s shows', (_, change, problem) => {
  expect(brokenLinks(change([...chain()]), noEntries).join('; ')).toMatch(problem);
});

test('what a reply shows of an entry is all that its hash is made of', () => {
  const refused = linked(
    facts('', { action: 'update', refused: 'team: must be text.', after: null, before: null }),
    noEntries,
  );
  for (const entry of [...chain(), refused])
    expect(entryIn(JSON.parse(JSON.stringify(shownEntry(entry))))).toEqual(entry);
  expect(entryIn({ number: 1 })).toBeNull();
  expect(entryIn('x')).toBeNull();
});
