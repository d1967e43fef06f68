import { existsSync, globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Files without a test of their own, by how their paths begin, and the suite that runs all of them. */
const suites: Readonly<Record<string, string>> = {
  'gateway/src/dialects/': 'test/gateway/translate/translation.test.ts',
  'gateway/src/projections/line': 'test/gateway/edge/telemetry/log.test.ts',
  'gateway/src/projections/row-columns': 'test/gateway/projections/row.test.ts',
  'gateway/src/projections/row-shape': 'test/gateway/projections/row-template.test.ts',
  'gateway/src/translate/provider-error': 'test/gateway/edge/upstream/refusals.test.ts',
  'gateway/src/translate/refusal': 'test/gateway/edge/http/errors.test.ts',
  'gateway/src/translate/': 'test/gateway/translate/reply.test.ts',
  'gateway/src/flow/': 'test/gateway/flow/call.test.ts',
  'gateway/src/providers/': 'test/conformance/provider.test.ts',
  'trace-router/src/policies/': 'test/trace-router/policies/conformance.test.ts',
  'trace-router/src/decide/evict': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/decide/ripe': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/decide/threshold': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/flow/open-traces': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/flow/remembered': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/otlp/answer': 'test/trace-router/edge/receive.test.ts',
  'trace-router/src/otlp/decode': 'test/trace-router/edge/clickhouse/row.test.ts',
  'trace-router/src/otlp/facts': 'test/trace-router/flow/sampler.test.ts',
  'trace-router/src/otlp/grpc-frames': 'test/trace-router/edge/receive.test.ts',
  'trace-router/src/otlp/messages': 'test/trace-router/otlp/json.test.ts',
  'trace-router/src/otlp/partition': 'test/trace-router/edge/members/members.test.ts',
  'trace-router/src/otlp/paths': 'test/trace-router/edge/receive.test.ts',
  'trace-router/src/otlp/protobuf-out': 'test/trace-router/otlp/json.test.ts',
  'trace-router/src/otlp/protobuf.ts': 'test/trace-router/otlp/split.test.ts',
  'trace-router/src/otlp/read-span': 'test/trace-router/otlp/split.test.ts',
  'trace-router/src/otlp/traces': 'test/trace-router/edge/builtin.test.ts',
  'trace-router/src/otlp/scan': 'test/trace-router/otlp/split.test.ts',
};

/** A file of types alone has nothing to run; a registry is a list, whose entries are tested. */
const hasCode = (path: string): boolean =>
  !path.endsWith('/registry.ts') &&
  /^export (const|function|async function|class)\b/m.test(readFileSync(path, 'utf8'));
const counterpart = (path: string): string =>
  `test/${path.replace('/src/', '/').replace(/\.ts$/, '.test.ts')}`;

const core = globSync(
  '{gateway,trace-router}/src/{decide,dialects,flow,otlp,projections,providers,policies,translate}/**/*.ts',
).filter(hasCode);
const alone = core.filter((path) => !existsSync(counterpart(path)));

test('every file of the core has a test that follows its path, or a suite that runs it', () => {
  expect(core.length).toBeGreaterThan(10);
  const beginnings = Object.keys(suites);
  expect(alone.filter((path) => !beginnings.some((begin) => path.startsWith(begin)))).toEqual([]);
});

test.each(Object.entries(suites))(
  '%s still needs its suite, and the suite is there',
  (begin, suite) => {
    expect(existsSync(suite)).toBe(true);
    expect(alone.filter((path) => path.startsWith(begin))).not.toEqual([]);
  },
);
