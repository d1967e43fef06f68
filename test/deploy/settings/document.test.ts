import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { pointer, shown, startComplaints, type Document } from '@tollgate/settings/document.ts';

test.each([
  [['keys', 1, 'team'], 'keys[1].team'],
  [['models', 'gpt-4.1', 'targets', 0], 'models["gpt-4.1"].targets[0]'],
  [['models', 'gpt-*'], 'models.gpt-*'],
  [['models', 'org/model'], 'models["org/model"]'],
  [[], ''],
])('%j is shown as %s', (path, text) => expect(shown(path)).toBe(text));

test('two paths never share a pointer', () => {
  const paths = fc.array(
    fc.string({ unit: fc.constantFrom('a', '/', '~', '0', '1'), maxLength: 4 }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      expect(pointer(a)).not.toBe(pointer(b));
    }),
  );
});

const document: Document = {
  file: 'a.yaml',
  hash: '',
  value: {},
  keys: new Map([
    ['/retry', { line: 2, column: 1 }],
    ['/log', { line: 9, column: 1 }],
  ]),
  values: new Map([['/retry', { line: 3, column: 3 }]]),
  numbers: new Map(),
  substituted: new Map(),
};

test('what is missing is reported where its parent is named, and problems come in the order of the file', () => {
  const complaints = startComplaints(document);
  complaints.add(['log', 'level'], 'last');
  complaints.add(['retry'], 'value');
  complaints.add(['retry', 'backoff'], 'missing', 'key');
  complaints.add(['nowhere'], 'top');
  expect(complaints.all().map(({ line, column, message }) => [line, column, message])).toEqual([
    [1, 1, 'top'],
    [2, 1, 'missing'],
    [3, 3, 'value'],
    [9, 1, 'last'],
  ]);
});

test('one place is complained about once, and is remembered for what lies around it', () => {
  const complaints = startComplaints(document);
  complaints.add(['retry', 'backoff'], 'first');
  complaints.add(['retry', 'backoff'], 'second');
  expect(complaints.all().map(({ message }) => message)).toEqual(['first']);
  expect(complaints.under(['retry'])).toBe(true);
  expect(complaints.under(['retr'])).toBe(false);
});
