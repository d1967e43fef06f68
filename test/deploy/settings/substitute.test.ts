import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { substitute } from '@tollgate/settings/substitute.ts';

const variables = { HOST: 'example', EMPTY: '', DOLLAR: '${HOST}' };

// oxfmt-ignore
test.each([
  ['plain $HOST $', 'plain $HOST $', 'file'],
  ['${HOST}', 'example', 'environment'],
  ['${HOST}${HOST}', 'exampleexample', 'environment'],
  ['https://${HOST}/v1', 'https://example/v1', 'mixed'],
  ['${UNSET:-a:-b}', 'a:-b', 'file'],
  ['${EMPTY:-a}', 'a', 'file'],
  ['${EMPTY}', '', 'environment'],
  ['${UNSET:-}', '', 'environment'],
  ['${HOST}${UNSET:-x}', 'examplex', 'mixed'],
  ['$${HOST}', '${HOST}', 'file'],
  ['$${${HOST}}', '${example}', 'mixed'],
  // What a variable holds is not looked into again.
  ['${DOLLAR}', '${HOST}', 'environment'],
])('%j becomes %j, from the %s', (given, text, from) => {
  expect(substitute(given, variables)).toEqual({ text, from, problems: [] });
});

test('a variable that is not set is a problem that names it, and how to give a default', () => {
  expect(substitute('${UNSET}/${OTHER}', variables).problems).toEqual([
    'environment variable UNSET is not set; set it, or write ${UNSET:-default}',
    'environment variable OTHER is not set; set it, or write ${OTHER:-default}',
  ]);
});

test.each(['${', '${}', '${A B}', '${1A}', 'a ${HOST', '${:-x}'])('%j is refused', (text) => {
  expect(substitute(text, variables).problems).toHaveLength(1);
});

test('text without ${ is never changed', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('${')),
      (text) => {
        expect(substitute(text, variables)).toEqual({ text, from: 'file', problems: [] });
      },
    ),
  );
});

test('any text is answered, and an escaped one comes back whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':-', '') }), (text) => {
      expect(substitute(text, {}).text).toBeTypeOf('string');
      const escaped = text.replaceAll('${', () => '$${');
      expect(substitute(escaped, {})).toEqual({ text, from: 'file', problems: [] });
    }),
  );
});
