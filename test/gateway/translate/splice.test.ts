import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObject, type JsonObject } from '../../../gateway/src/model/json.ts';
import { spliceTopLevel } from '../../../gateway/src/translate/splice.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (spliced: Uint8Array | null) =>
  spliced === null ? null : new TextDecoder().decode(spliced);
const splice = (body: string, set: JsonObject, drop: readonly string[] = []) =>
  text(spliceTopLevel(bytes(body), { set, drop }));

test('only the value of the field changes, to the byte', () => {
  expect(splice('{ "n": 1.50e+1 ,\n"model" :"a", "é": "\\u00e9" }', { model: 'bé' })).toBe(
    '{ "n": 1.50e+1 ,\n"model" :"bé", "é": "\\u00e9" }',
  );
});

test('a field that is absent is appended', () => {
  expect(splice('{"a":1 }', { stream_options: { include_usage: true } })).toBe(
    '{"a":1 ,"stream_options":{"include_usage":true}}',
  );
  expect(splice(' { } ', { model: 'x', n: null })).toBe(' { "model":"x","n":null} ');
});

test('an object keeps its other members, to the byte', () => {
  expect(
    splice('{"o": { "n": 12345678901234567890 , "u" :false}, "p":{}}', { o: { u: true } }),
  ).toBe('{"o": { "n": 12345678901234567890 , "u" :true}, "p":{}}');
  expect(splice('{"o":{"n":1e400}}', { o: { u: true } })).toBe('{"o":{"n":1e400,"u":true}}');
  expect(splice('{"o":null}', { o: { u: true } })).toBe('{"o":{"u":true}}');
  expect(splice('{"o":{"a":1}}', { o: 2 })).toBe('{"o":2}');
});

test('a dropped field goes with one comma, wherever it stands', () => {
  const drop = ['a', 'b'];
  expect(splice('{"a":1, "c":2}', {}, drop)).toBe('{"c":2}');
  expect(splice('{"c":2 ,"a":{"b":1}}', {}, drop)).toBe('{"c":2}');
  expect(splice('{"c":2,"a":1,"b":"}",\n"d":3}', {}, drop)).toBe('{"c":2,"d":3}');
  expect(splice('{ "a":1,"b":[] }', {}, drop)).toBe('{  }');
  expect(splice('{"a":1,"c":2,"b":3}', { e: 4 }, drop)).toBe('{"c":2,"e":4}');
  expect(splice('{"a":1}', { e: 4 }, drop)).toBe('{"e":4}');
  expect(splice('{"\\u0061":1,"c":2}', {}, drop)).toBe('{"c":2}');
});

test('every duplicate is replaced, and a key written with escapes is the same key', () => {
  expect(splice('{"model":"a","\\u006dodel":["b"],"model":{"c":"}"}}', { model: 'x' })).toBe(
    '{"model":"x","\\u006dodel":"x","model":"x"}',
  );
});

test('a field of the same name further down is left alone', () => {
  const body = '{"messages":[{"model":"no","text":"\\"model\\":1"}],"metadata":{"model":"no"}}';
  expect(splice(body, { model: 'x' })).toBe(`${body.slice(0, -1)},"model":"x"}`);
});

test.each([
  '',
  '[]',
  '"{}"',
  '{',
  '{"a"',
  '{"a":',
  '{"a":}',
  '{"a":1',
  '{"a":"',
  '{a:1}',
  '{"a" 1}',
  '{,}',
])('%j is no JSON object and is refused', (body) =>
  expect(splice(body, { model: 'x' })).toBeNull(),
);

/** What stands in the place of `before`: an object is set member by member. */
const laidOver = (before: unknown, value: unknown): unknown => {
  const after: unknown = JSON.parse(JSON.stringify(value));
  if (!isObject(before) || !isObject(after)) return after;
  const members = Object.entries(after).map(([key, one]) => [key, laidOver(before[key], one)]);
  return { ...before, ...Object.fromEntries(members) };
};

test('the result parses to the same object with the fields set, whatever the body', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const body = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('model', 'a"b', '\\', 'é')),
    json,
  );
  const layout = fc.constantFrom(0, 1, '\t', ' \r\n');
  fc.assert(
    fc.property(body, layout, json, (object, indent, value) => {
      const spliced = splice(JSON.stringify(object, null, indent), { model: value });
      expect(JSON.parse(spliced ?? '')).toEqual({
        ...JSON.parse(JSON.stringify(object)),
        model: laidOver(JSON.parse(JSON.stringify(object))['model'], value),
      });
    }),
  );
});

test('any bytes at all come to an end', () => {
  const piece = fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', ' ', 'a', '1', '"model"');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const body = `{${pieces.join('')}`;
      const spliced = splice(body, { model: 'x' });
      try {
        JSON.parse(body);
      } catch {
        return;
      }
      expect(JSON.parse(spliced ?? '')).toMatchObject({ model: 'x' });
    }),
    { numRuns: 2000 },
  );
  const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
  expect(splice(deep, { model: 'x' })?.length).toBe(deep.length + ',"model":"x"'.length);
});

test('what is dropped is gone and all else is as it was, for any object', () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd');
  const objects = fc.dictionary(keys, fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(objects, fc.uniqueArray(keys), (object, drop) => {
      const after: unknown = JSON.parse(splice(JSON.stringify(object), {}, drop) ?? '');
      const expected = Object.entries(object).filter(([key]) => !drop.some((one) => one === key));
      expect(after).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(expected))));
    }),
  );
});
