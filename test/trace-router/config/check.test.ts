import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { check } from '../../../trace-router/src/config/check.ts';
import { generatedFiles } from '../../../trace-router/src/config/generate.ts';
import { configFromText } from '../../../trace-router/src/edge/read-config.ts';
import { policies } from '../../../trace-router/src/policies/registry.ts';

const here = import.meta.dirname;
const files = (end: string) => readdirSync(here).filter((file) => file.endsWith(end));

/** The first lines `# 3:7: path: message` of a bad file are its problems. */
test.each(files('.bad.yaml'))('%s has exactly the problems its first lines name', (file) => {
  const text = readFileSync(path.join(here, file), 'utf8');
  const expected = text
    .split('\n')
    .filter((line) => /^# \d/.test(line))
    .map((line) => `f.yaml:${line.slice(2)}`);
  const read = configFromText(text, 'f.yaml');
  expect(read.kind === 'bad' ? [...read.problems].sort() : []).toEqual(expected.sort());
  expect(expected.length).toBeGreaterThan(0);
});

test.each(files('.good.yaml'))('%s is a configuration', (file) => {
  expect(configFromText(readFileSync(path.join(here, file), 'utf8'), file)).toMatchObject({
    kind: 'ok',
  });
});

test('an empty file is all defaults: the built-in sampler that keeps everything', () => {
  const read = configFromText('', 'f.yaml');
  expect(read).toMatchObject({
    kind: 'ok',
    config: {
      members: 'builtin',
      receive: { maxBodyBytes: 64 * 1024 * 1024, ackTimeoutMs: 3000 },
      send: { lingerMs: 10, maxMessageBytes: 3.5 * 1024 * 1024 },
      sampler: { decisionWaitMs: 5000, afterRootMs: 1000 },
      metricsForward: null,
    },
  });
  const names = read.kind === 'ok' ? read.config.sampler.voters.map(({ name }) => name) : [];
  expect(names).toEqual(['errors', 'slow', 'costly', 'rest']);
});

test('YAML that does not parse is a problem with its place', () => {
  expect(configFromText('receive: {}\n send: {}\n', 'f.yaml')).toEqual({
    kind: 'bad',
    problems: ['f.yaml:2:1: All mapping items must start at the same column'],
  });
});

test('a document that is no mapping is one problem', () => {
  expect(check([1], policies)).toMatchObject({ kind: 'bad', problems: [{ path: [] }] });
  expect(configFromText('just text', 'f.yaml')).toMatchObject({ kind: 'bad' });
});

test('the committed JSON Schema is the generated one', () => {
  for (const [file, text] of Object.entries(generatedFiles())) {
    expect(readFileSync(path.join(here, '../../..', file), 'utf8')).toBe(text);
  }
});
