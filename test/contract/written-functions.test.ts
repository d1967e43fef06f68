/**
 * V8 puts a function that is written right where a property is assigned (`call.stop = () => ...`) into the old generation:
 * its parser takes it for a method that stays. Of a call, such a function keeps all that the call knew until the next full
 * collection, and every minor one copies it twice: with one of them the gateway needed twice the CPU for a call.
 * https://github.com/v8/v8/blob/main/src/parsing/parser.h (CheckAssigningFunctionLiteralToProperty)
 */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const parameters = String.raw`(?:\w+|\((?:[^()]|\([^()]*\))*\))`;
const written = new RegExp(
  String.raw`\.#?\w+\s(?:\?\?|\|\|)?=\s+(?:function\b|(?:async\s+)?${parameters}(?::\s[^=;]+)?\s=>)`,
  'g',
);
const found = (text: string): readonly string[] => text.match(written) ?? [];

test('no function is written where a property is assigned, in programs that carry calls and spans', () => {
  const files = globSync('{gateway,trace-router}/src/**/*.ts');
  expect(files.length).toBeGreaterThan(100);
  const places = files.flatMap((path) =>
    found(readFileSync(path, 'utf8')).map((text) => `${path}: ${text}`),
  );
  expect(places).toEqual([]);
});

test.each([
  'this.#stop = () => {',
  'socket.read = (size) => {',
  'socket.write = (...args: readonly unknown[]): boolean => {',
  'a.b ??= async (c: (d: number) => void) => d',
  'a.b = function () {',
  'a.b = c => d',
])('%s is such a place', (text) => expect(found(text)).toHaveLength(1));

test.each(['const stop = () => {', 'a.b = c;', 'a.b = (c + d) * e;', '{ stop: () => {} }'])(
  '%s is none',
  (text) => expect(found(text)).toEqual([]),
);
