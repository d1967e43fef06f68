import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { readEnvironment } from '../../../../gateway/src/edge/config/environment.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-environment-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('an empty environment gives the addresses of the contract', () => {
  const read = readEnvironment({}, directory);
  expect(read).toMatchObject({
    kind: 'ok',
    environment: {
      host: '127.0.0.1',
      port: 8080,
      dataDir: '.tollgate',
      replica: hostname(),
      clickhouse: { url: 'http://127.0.0.1:8123', user: 'default' },
      configPath: null,
    },
  });
});

test('an empty variable counts as not set, and 0 is any free port', () => {
  const read = readEnvironment(
    { TOLLGATE_HOST: '', TOLLGATE_PORT: '0', TOLLGATE_CLICKHOUSE_PORT: '9123' },
    directory,
  );
  expect(read).toMatchObject({
    environment: { host: '127.0.0.1', port: 0, clickhouse: { url: 'http://127.0.0.1:9123' } },
  });
});

test('everything wrong is named at once, with what is allowed', () => {
  const read = readEnvironment(
    {
      TOLLGATE_PORT: '80800',
      TOLLGATE_CLICKHOUSE_PORT: 'http',
      TOLLGATE_CLICKHOUSE_URL: 'http://u:LEAK@h',
      TOLLGATE_REPLICA: 'a b',
    },
    directory,
  );
  expect(read.kind === 'bad' && read.problems).toEqual([
    "TOLLGATE_CLICKHOUSE_PORT must be a port between 0 and 65535 (0: any free one), not 'http'",
    expect.stringMatching(/^TOLLGATE_CLICKHOUSE_URL must not hold a user or password/),
    expect.stringMatching(/^TOLLGATE_REPLICA must be a name/),
    "TOLLGATE_PORT must be a port between 0 and 65535 (0: any free one), not '80800'",
  ]);
  expect(inspect(read)).not.toContain('LEAK');
});

test.each(['-1', '8080.5', '0x50', ' 80', '65536', '1e3'])('%j is no port', (port) => {
  expect(readEnvironment({ TOLLGATE_PORT: port }, directory)).toMatchObject({ kind: 'bad' });
});

test("ClickHouse's password is a secret", () => {
  const read = readEnvironment({ TOLLGATE_CLICKHOUSE_PASSWORD: 'LEAK' }, directory);
  if (read.kind === 'bad') throw new Error(read.problems.join());
  expect(read.environment.clickhouse.password.reveal()).toBe('LEAK');
  expect(
    inspect(read.environment.clickhouse) + JSON.stringify(read.environment.clickhouse),
  ).not.toContain('LEAK');
});

test('the configuration file is the named one, else tollgate.yaml where there is one', () => {
  const path = (variables: Record<string, string>) => {
    const read = readEnvironment(variables, directory);
    return read.kind === 'ok' ? read.environment.configPath : 'bad';
  };
  expect(path({})).toBeNull();
  writeFileSync(join(directory, 'tollgate.yaml'), '');
  expect(path({})).toBe('tollgate.yaml');
  expect(path({ TOLLGATE_CONFIG: '/etc/other.yaml' })).toBe('/etc/other.yaml');
});
