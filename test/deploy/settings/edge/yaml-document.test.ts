import { expect, test } from 'vitest';
import { yamlDocument } from '@tollgate/settings/edge/yaml-document.ts';

const parsed = (text: string, variables = {}) => yamlDocument(text, 'f.yaml', variables);

test('every key and value has its line and column', () => {
  const { document } = parsed('a:\n  b: 1\n  - x\n'.replace('  - x\n', '  c: [x, "y"]\n'));
  expect(document?.value).toEqual({ a: { b: 1, c: ['x', 'y'] } });
  expect(document?.keys.get('/a/b')).toEqual({ line: 2, column: 3 });
  expect(document?.values.get('/a/b')).toEqual({ line: 2, column: 6 });
  expect(document?.values.get('/a/c/1')).toEqual({ line: 3, column: 10 });
});

test('keys with slashes and tildes have places of their own', () => {
  const { document } = parsed('a/b: 1\na~1b: 2\na: { b: 3 }\n');
  expect([...(document?.numbers ?? [])]).toEqual([
    ['/a~1b', '1'],
    ['/a~01b', '2'],
    ['/a/b', '3'],
  ]);
});

test('numbers are remembered as they were written', () => {
  const { document } = parsed('[0.10, 1e-3, 0x10, 123456789012345678901234567890, .5]');
  expect([...(document?.numbers.values() ?? [])]).toEqual([
    '0.10',
    '1e-3',
    '0x10',
    '123456789012345678901234567890',
    '.5',
  ]);
});

test('a key that looks like a number or a flag is a name', () => {
  expect(parsed('{ 4: a, true: b, 1.50: c }').document?.value).toEqual({
    4: 'a',
    true: 'b',
    '1.50': 'c',
  });
});

test('own keys win over merged ones, and what was written there is remembered of them', () => {
  const text =
    'x: &x { n: 0.1, s: "${A}", t: 1, u: 2 }\ny: { n: 0.20, s: literal, u: two, <<: *x }\n';
  const { document } = parsed(text, { A: 'a' });
  expect(document?.value).toMatchObject({ y: { n: 0.2, s: 'literal', t: 1 } });
  expect(document?.numbers.get('/y/n')).toBe('0.20');
  expect(document?.numbers.get('/y/t')).toBe('1');
  expect(document?.numbers.has('/y/u')).toBe(false);
  expect(document?.substituted.has('/y/s')).toBe(false);
  expect(document?.substituted.get('/x/s')).toBe('environment');
});

test('variables are filled in inside values, in every style of text, and not in keys or comments', () => {
  const text = "# ${NOT}\n'${A}': ${A}\nq: '${A}'\nd: \"${A}\\n\"\nb: |\n  ${A}\n";
  expect(parsed(text, { A: 'x: [1' })).toMatchObject({
    problems: [],
    document: { value: { '${A}': 'x: [1', q: 'x: [1', d: 'x: [1\n', b: 'x: [1\n' } },
  });
});

test('a file of aliases of aliases is refused, at a bounded cost', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
  const { problems } = parsed(lines.join('\n'));
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toMatch(/too large: more than 250000 values, with its aliases/);
});

test('a file that nests without end, or into itself, is refused', () => {
  expect(parsed(`a: ${'['.repeat(60)}${']'.repeat(60)}`).problems[0]?.message).toMatch(/too deep/);
  expect(parsed('a: &a { b: *a }').problems[0]?.message).toBeDefined();
});

test.each([
  ['a: b: c', 'f.yaml:1:4'],
  ['a: 1\n\tb: 2', 'f.yaml:2:1'],
  ['a: 1\na: 2', 'f.yaml:2:1'],
])('%j is named with its place', (text, place) => {
  const { document, problems } = parsed(text);
  const places = problems.map(({ file, line, column }) => `${file}:${line}:${column}`);
  expect(places).toContain(place);
  expect(document).toBeNull();
});

test('a merge of what is no map, and a key that is no text, are problems', () => {
  expect(parsed('a: { <<: 5 }').problems[0]?.message).toBe(
    '<< must be followed by a map, or a list of maps',
  );
  expect(parsed('? [a]\n: 1').problems[0]?.message).toBe('a key must be plain text');
  expect(parsed('__proto__: { polluted: 1 }').problems[0]?.message).toBe(
    'a key must be plain text',
  );
});

test('two documents in one file are refused', () => {
  expect(parsed('a: 1\n---\nb: 2\n').problems).toHaveLength(1);
});

test('an alias without its anchor is a problem, not an empty value', () => {
  const message = 'there is no anchor of this name before it';
  expect(parsed('a: *nobody').problems).toMatchObject([{ line: 1, column: 4, path: 'a', message }]);
  expect(parsed('a: { <<: *nobody }').problems).toMatchObject([{ message }]);
});
