import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanJson, type JsonLimits } from '../../../gateway/src/model/json-scan.ts';

const roomy: JsonLimits = { values: 100_000, depth: 100, keys: 1000 };
const scan = (text: string, limits: Partial<JsonLimits> = {}) =>
  scanJson(Buffer.from(text), { ...roomy, ...limits });

test.each([
  ['{"model":"a","model":"b"}', 'model'],
  ['{"model":"a","\\u006dodel":"b"}', 'model'],
  ['{"\\u006dodel":"a","model":"b"}', 'model'],
  ['{"mod\\u0065l":"a","\\u006dodel":"b"}', 'model'],
  ['{"a\\/b":1,"a/b":2}', '*'],
  ['{"messages":[{},{"role":"user","content":"x","role":"system"}]}', 'messages[1].role'],
  ['{"a":{"b":[[1,{"c":1,"c":2}]]}}', 'a.b[0][1].c'],
  ['{"":1,"":2}', '*'],
  ['{"a prompt, perhaps":1,"a prompt, perhaps":2}', '*'],
  ['{ "x" : "}\\"{" , "y" : [ "," ] , "x" : 1 }', 'x'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
  [`{${Array.from({ length: 40 }, (_, i) => `"k${i}":{"k1":1}`).join(',')},"k13":1}`, 'k13'],
])('a key that stands twice is found with its place: %s', (text, path) => {
  expect(scan(text)).toEqual({ kind: 'duplicate_key', path });
});

test.each([
  '{"model":"a","Model":"b"}',
  '{"a":{"x":1},"b":{"x":1},"x":1}',
  '[{"x":1},{"x":1}]',
  '{"a":"b\\\\","b":"a"}',
  '{"a":["a","a",{"a":"a"}],"b":"a"}',
  '"a"',
  '17',
  '{"a":"\\\\\\"","b":"a\\"b\\"c"}',
  // No JSON at all: the parser's to refuse.
  '}}]]{"a"',
  '{"a',
  '',
])('what stands once is left alone: %s', (text) => {
  expect(scan(text)).toBe(null);
});

test('values, depth and keys have their limits, each as it is named', () => {
  expect(scan('[1,2,3]', { values: 4 })).toBe(null);
  expect(scan('[1,2,3,4]', { values: 4 })).toEqual({ kind: 'too_many_values' });
  expect(scan('[{},{},{}]', { values: 4 })).toEqual({ kind: 'too_many_values' });
  expect(scan('{"a":{"b":[]}}', { depth: 3 })).toBe(null);
  expect(scan('{"a":{"b":[[]]}}', { depth: 3 })).toEqual({ kind: 'too_deep' });
  const object = (keys: number) =>
    `{"in":[{${Array.from({ length: keys }, (_, i) => `"k${i}":1`).join(',')}}]}`;
  expect(scan(object(20), { keys: 20 })).toBe(null);
  expect(scan(object(21), { keys: 20 })).toEqual({ kind: 'too_many_keys', path: 'in[0]' });
});

test('a text of nothing but brackets or backslashes is read in one pass and without a stack', () => {
  expect(scan('['.repeat(1_000_000), { depth: 10_000_000, values: 10_000_000 })).toBe(null);
  expect(scan(`{"${'\\\\'.repeat(500_000)}":1}`)).toBe(null);
  expect(scan(`["${'\\"'.repeat(500_000)}"]`)).toBe(null);
});

/** JSON text, written our own way: blanks anywhere, characters of strings escaped at random. */
const written = (value: unknown, random: () => number): string => {
  const blank = (): string => ['', '', '', ' ', '\n\t'][Math.floor(random() * 5)] ?? '';
  const string = (text: string): string =>
    `"${text
      .split('')
      .map((unit) =>
        random() < 0.1
          ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
          : JSON.stringify(unit).slice(1, -1),
      )
      .join('')}"`;
  const write = (one: unknown): string => {
    if (typeof one === 'string') return string(one);
    if (Array.isArray(one))
      return `[${one.map((each) => blank() + write(each)).join(',')}${blank()}]`;
    if (typeof one === 'object' && one !== null)
      return `{${Object.entries(one)
        .map(([key, each]) => `${blank()}${string(key)}${blank()}:${write(each)}${blank()}`)
        .join(',')}}`;
    return JSON.stringify(one);
  };
  return write(value);
};

const seeded = (seed: number) => (): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};

const countOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce<number>((sum, inner) => sum + countOf(inner), 1)
    : 1;

test('of any JSON nothing is found, its values are counted at most one too many for each list or object', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 1 }), (value, seed) => {
      const text = written(value, seeded(seed));
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(scan(text)).toBe(null);
      const values = countOf(value);
      expect(scan(text, { values: 2 * values })).toBe(null);
      if (values > 1)
        expect(scan(text, { values: values - 1 })).toEqual({ kind: 'too_many_values' });
    }),
  );
});

test('a key of any object, written once more in any way, is found', () => {
  const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), {
    minKeys: 1,
    maxKeys: 30,
  });
  fc.assert(
    fc.property(objects, fc.nat(), fc.integer({ min: 1 }), (object, which, seed) => {
      const random = seeded(seed);
      const keys = Object.keys(object);
      const again = keys[which % keys.length] ?? '';
      const text = written(object, random).trimEnd().slice(0, -1);
      expect(scan(`${text},${written({ [again]: 1 }, random).slice(1)}`)?.kind).toBe(
        'duplicate_key',
      );
    }),
  );
});
