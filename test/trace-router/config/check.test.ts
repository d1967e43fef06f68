import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Check } from 'typebox/schema';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { problemText } from '@tollgate/settings/document.ts';
import { yamlDocument } from '@tollgate/settings/edge/yaml-document.ts';
import { check } from '../../../trace-router/src/config/check.ts';
import { editorSchema } from '../../../trace-router/src/config/generate-schema.ts';
import { generatedFiles } from '../../../trace-router/src/config/generate.ts';
import { sections } from '../../../trace-router/src/config/schema.ts';
import { policies } from '../../../trace-router/src/policies/registry.ts';

const here = import.meta.dirname;
const example = path.join(here, '../../../deploy/examples/trace-router.yaml');
const files = (end: string) => readdirSync(here).filter((file) => file.endsWith(end));
const textOf = (file: string) => readFileSync(path.join(here, file), 'utf8');

const read = (text: string, variables: Record<string, string> = {}) => {
  const { document, problems } = yamlDocument(text, 'f.yaml', variables);
  if (document === null || problems.length > 0) return { kind: 'bad', problems } as const;
  return check(document, policies);
};
const said = (text: string) => {
  const checked = read(text);
  return checked.kind === 'bad' ? checked.problems.map(problemText) : [];
};

/** The first lines `# 3:7: path: message` of a bad file are its problems. */
test.each(files('.bad.yaml'))('%s has exactly the problems its first lines name', (file) => {
  const text = textOf(file);
  const expected = text
    .split('\n')
    .filter((line) => /^# \d/.test(line))
    .map((line) => `f.yaml:${line.slice(2)}`);
  const checked = read(text, { ROWS: 'many' });
  expect(checked.kind === 'bad' ? checked.problems.map(problemText) : []).toEqual(expected);
  expect(expected.length).toBeGreaterThan(0);
});

test.each(files('.good.yaml'))('%s is a configuration', (file) => {
  expect(read(textOf(file), { QUEUE: '64MiB' })).toMatchObject({ kind: 'ok' });
});

test('the example is a configuration, and is what it says', () => {
  const checked = read(readFileSync(example, 'utf8'), { ROUTER_MEMORY: '1GiB' });
  expect(checked).toMatchObject({
    kind: 'ok',
    config: {
      members: 'builtin',
      sampler: { maxOpenBytes: 2 ** 30 },
      metrics: { forward: 'http://collector.obs:4318' },
    },
  });
  const names = checked.kind === 'ok' ? checked.config.voters.map(({ name }) => name) : [];
  expect(names).toEqual(['errors', 'slow', 'costly', 'all-of-shop', 'rest']);
});

test('an empty file is all defaults: the built-in sampler that keeps everything', () => {
  const checked = read('');
  expect(checked).toMatchObject({
    kind: 'ok',
    config: {
      members: 'builtin',
      receive: { maxBodyBytes: 64 * 1024 * 1024, ackTimeoutMs: 3000 },
      send: { lingerMs: 10, maxMessageBytes: 3.5 * 1024 * 1024 },
      sampler: { decisionWaitMs: 5000, decisionWaitAfterRootReceivedMs: 1000 },
      metrics: { forward: null },
    },
  });
  const names = checked.kind === 'ok' ? checked.config.voters.map(({ name }) => name) : [];
  expect(names).toEqual(['errors', 'slow', 'costly', 'rest']);
});

test('sections that are empty, or commented out, are all defaults too', () => {
  expect(said('receive:\nsend: {}\nmembers:\n')).toEqual([]);
});

test('every key of before is an unknown key, and nearly all of them are told their new name', () => {
  const before = {
    receive: {
      max_body_bytes: 'maxBody',
      max_inflight_bytes: 'maxInflight',
      max_spans: 'maxSpans',
      max_json_bytes: 'maxJson',
      max_parts_bytes: 'maxParts',
      ack_timeout: 'ackTimeout',
      max_connection_age: 'maxConnectionAge',
      max_connections: 'maxConnections',
    },
    send: {
      batch_bytes: 'batch',
      max_message_bytes: 'maxMessage',
      in_flight: 'inFlight',
      queue_bytes: 'queue',
      backoff_max: 'backoffMax',
      give_up: 'giveUp',
    },
    sampler: {
      decision_wait: 'decisionWait',
      decision_wait_after_root_received: 'decisionWaitAfterRootReceived',
      num_traces: 'numTraces',
      max_open_bytes: 'maxOpen',
      maximum_trace_size_bytes: 'maximumTraceSize',
      decision_cache: 'decisionCache',
    },
    write: { batch_rows: 'batchRows', batch_bytes: 'batch', queue_bytes: 'queue' },
  };
  for (const [section, names] of Object.entries(before)) {
    for (const [old, now] of Object.entries(names)) {
      expect(said(`${section}: { ${old}: 1 }`)).toEqual([
        `f.yaml:1:${section.length + 5}: ${section}.${old}: unknown key '${old}'; did you mean '${now}'?`,
      ]);
    }
  }
  expect(said('send: { backoff_initial: 1s }')).toEqual([
    expect.stringMatching(/unknown key 'backoff_initial'; allowed: .*\bbackoff, backoffMax/),
  ]);
});

test('YAML that does not parse is a problem with its place', () => {
  expect(said('receive: {}\n send: {}\n')).toEqual([
    'f.yaml:2:1: not YAML: All mapping items must start at the same column',
  ]);
});

test('a document that is no mapping is one problem', () => {
  expect(said('just text')).toEqual([
    "f.yaml:1:1: must be a map with members, receive, send ..., not 'just text'",
  ]);
});

test('every committed file that is generated is the generated one', () => {
  for (const [file, text] of Object.entries(generatedFiles())) {
    expect(readFileSync(path.join(here, '../../..', file), 'utf8')).toBe(text);
  }
});

const accepts = (text: string) => Check(editorSchema(policies), parse(text, { merge: true }));

test('an editor accepts what is good', () => {
  for (const file of files('.good.yaml')) expect(accepts(textOf(file))).toBe(true);
  expect(accepts(readFileSync(example, 'utf8'))).toBe(true);
});

// A rule between settings is beyond a JSON Schema.
test.each(files('.bad.yaml').filter((file) => file !== 'backoff.bad.yaml'))(
  'an editor refuses %s',
  (file) => expect(accepts(textOf(file))).toBe(false),
);

test('the reference names every section, setting and policy', () => {
  const docs = generatedFiles()['docs/trace-router.md'] ?? '';
  for (const [name, { properties }] of Object.entries(sections)) {
    expect(docs).toMatch(new RegExp(`^## \`${name}\`$`, 'm'));
    for (const field of Object.keys(properties)) expect(docs).toContain(`| \`${field}`);
  }
  for (const { type } of policies) expect(docs).toContain(`### \`${type}\``);
});
