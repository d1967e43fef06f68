import { Type } from 'typebox';
import { Settings } from 'typebox/system';
import { expect, test } from 'vitest';
import { madeDocument, startComplaints } from '@tollgate/settings/document.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';

const empty = madeDocument('f', {});

test('far more mistakes than TypeBox reports by itself are all named, and its own limit is left as it was', () => {
  const names = Array.from({ length: 40 }, (_, i) => `field${i}`);
  const schema = Type.Object(Object.fromEntries(names.map((name) => [name, Type.Integer()])));
  const complaints = startComplaints(empty);
  const before = Settings.Get().maxErrors;
  expect(
    shaped(schema, Object.fromEntries(names.map((name) => [name, 'x'])), [], {
      document: empty,
      complaints,
    }),
  ).toBeNull();
  expect(complaints.all().map(({ path }) => path)).toEqual(names);
  expect(Settings.Get().maxErrors).toBe(before);
});

test('what is right beside a mistake is returned, with defaults, so that more can be checked', () => {
  const schema = Type.Object(
    {
      a: Type.Integer({ default: 3 }),
      b: Type.Object(
        { c: Type.Integer({ default: 4 }), d: Type.String() },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false },
  );
  const complaints = startComplaints(empty);
  const rest = shaped(schema, { a: 'x', b: { c: true, d: 'right', e: 1 }, f: 2 }, ['at'], {
    document: empty,
    complaints,
  });
  expect(rest).toEqual({ a: 3, b: { c: 4, d: 'right' } });
  expect(
    complaints
      .all()
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(['at.a', 'at.b.c', 'at.b.e', 'at.f']);
});

test('the caller keeps its own value', () => {
  const given = { a: {} };
  const schema = Type.Object({ a: Type.Object({ b: Type.String({ default: 'x' }) }) });
  expect(
    shaped(schema, given, [], { document: empty, complaints: startComplaints(empty) }),
  ).toEqual({ a: { b: 'x' } });
  expect(given).toEqual({ a: {} });
});

test('what was found is told in few words, and never when it may be secret', () => {
  const document = {
    ...empty,
    substituted: new Map([['/a', 'mixed' as const]]),
    numbers: new Map([['/n', '0x10']]),
  };
  expect(found('secret', ['a'], document)).toBe('what the environment holds');
  expect(found('secret', ['apiKey'], document)).toBe('the text given');
  expect(found(16, ['n'], document)).toBe('the number 0x10');
  expect(found('https://user:password@host', ['b'], document)).toBe("'https://...@host'");
  expect(found('x'.repeat(100), ['b'], document)).toHaveLength(62);
});
