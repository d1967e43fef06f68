import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';
import { fixtureEnv } from '../../config/fixtures.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

let count = 0;
const written = (text: string): string => {
  const path = join(directory, `${(count += 1)}.yaml`);
  writeFileSync(path, text);
  return path;
};
const read = (text: string, env: Record<string, string> = {}) =>
  readConfig({ path: written(text), env, providers });

test('the example is good, given its variables, and says what it seems to say', async () => {
  const path = join(import.meta.dirname, '../../../../deploy/examples/tollgate.yaml');
  const result = await readConfig({ path, env: fixtureEnv, providers });
  if (result.kind === 'bad') throw new Error(inspect(result.problems));
  const { config } = result;
  expect([...config.providers.keys()]).toEqual(['openai', 'anthropic', 'local', 'demo']);
  expect(new Set(config.keys.map(({ caller }) => caller.team))).toEqual(
    new Set(['shop', 'research', '', 'demo']),
  );
  expect(config.models.find(({ name }) => name === 'fast')?.targets).toEqual([
    { provider: 'local', model: 'Qwen/Qwen3-8B' },
    { provider: 'openai', model: 'gpt-4o-mini' },
  ]);
  expect(config.prices[0]?.usdPerMillion['input_uncached']).toBe('0.04');
});

test('the example without its variables names each of them once', async () => {
  const path = join(import.meta.dirname, '../../../../deploy/examples/tollgate.yaml');
  const result = await readConfig({ path, env: {}, providers });
  const named =
    result.kind === 'bad'
      ? result.problems.map(({ message }) => /variable (\w+) is not set/.exec(message)?.[1])
      : [];
  expect(named).toEqual([
    'OPENAI_API_KEY',
    'ANTHROPIC_API_KEY',
    'SHOP_CHECKOUT_KEY',
    'RESEARCH_KEY',
  ]);
});

test('secrets come from files beside the configuration, without the line break at their end', async () => {
  writeFileSync(join(directory, 'openai-key'), 'sk-from-file\n');
  writeFileSync(join(directory, 'caller-key'), 'tg-from-file\n');
  const result = await read(
    'providers: { openai: { apiKey: { file: openai-key } } }\nkeys: [{ id: a, secret: { file: ./caller-key } }]\n',
  );
  if (result.kind === 'bad') throw new Error(inspect(result.problems));
  expect(result.config.providers.get('openai')?.credentials.get('apiKey')?.reveal()).toBe(
    'sk-from-file',
  );
  expect(result.config.keys[0]?.sha256).toBe(
    createHash('sha256').update('tg-from-file').digest('hex'),
  );
  expect(result.sources.files.slice(1)).toEqual([
    join(directory, 'openai-key'),
    join(directory, 'caller-key'),
  ]);
});

test.each([
  ['empty', ''],
  ['a secret of two lines', 'sk-LEAK\nsk-LEAK\n'],
  ['too large', 'x'.repeat(70_000)],
])('a secret file that is %s is a problem that does not repeat it', async (_, content) => {
  writeFileSync(join(directory, 'bad-key'), content);
  const result = await read('providers: { openai: { apiKey: { file: bad-key } } }');
  expect(result).toMatchObject({
    kind: 'bad',
    problems: [{ path: expect.stringContaining('providers.openai.apiKey') }],
  });
  expect(inspect(result, { depth: 9 })).not.toContain('LEAK');
});

test.each([
  ['a FIFO', () => void execFileSync('mkfifo', [join(directory, 'fifo')]), 'fifo', 'not a regular'],
  ['a device without an end', () => {}, '/dev/zero', 'not a regular'],
  ['a device that says nothing', () => {}, '/dev/tty', 'not a regular'],
  ['a link to a device', () => symlinkSync('/dev/zero', join(directory, 'link')), 'link', 'not a'],
  ['a directory', () => {}, '.', 'a directory'],
])('a secret file that is %s is a problem, and reading it ends', async (_, make, file, reason) => {
  make();
  expect(await read(`providers: { openai: { apiKey: { file: ${file} } } }`)).toMatchObject({
    kind: 'bad',
    problems: [{ message: expect.stringContaining(reason) }],
  });
});

test('a file that says it is empty is read all the same', async () => {
  const result = await read('providers: { openai: { apiKey: { file: /proc/sys/kernel/ostype } } }');
  if (result.kind === 'bad') throw new Error(inspect(result.problems));
  expect(result.config.providers.get('openai')?.credentials.get('apiKey')?.reveal()).toBe('Linux');
});

test.each([
  ['that is a FIFO', () => join(directory, 'fifo'), 'it is not a regular file'],
  ['that does not exist', () => join(directory, 'nowhere.yaml'), 'there is no such file'],
  ['that is a directory', () => directory, 'it is a directory'],
  [
    'of five megabytes',
    () => {
      const path = written('');
      truncateSync(path, 5 << 20);
      return path;
    },
    'it has more than 4194304 bytes',
  ],
])('a configuration %s is a problem, not an exception', async (_, place, reason) => {
  const path = place();
  const result = await readConfig({ path, env: {}, providers });
  expect(result).toMatchObject({
    kind: 'bad',
    problems: [
      { file: path, line: 1, column: 1, message: `cannot read the configuration: ${reason}` },
    ],
  });
});

test('the hash is that of the text', async () => {
  const text = 'providers: { demo: }\n';
  const result = await read(text);
  expect(result).toMatchObject({
    kind: 'ok',
    config: { hash: createHash('sha256').update(text).digest('hex').slice(0, 12) },
  });
});

test('the endpoint of the environment counts where the file says nothing', async () => {
  const env = { TOLLGATE_OTLP_ENDPOINT: 'http://127.0.0.1:4317' };
  const endpoint = async (telemetry: string) => {
    const result = await read(`providers: { demo: }\ntelemetry: ${telemetry}\n`, env);
    return result.kind === 'ok' ? result.config.telemetry.otlpEndpoint : inspect(result.problems);
  };
  expect(await endpoint('{}')).toBe('http://127.0.0.1:4317');
  expect(await endpoint('{ otlpEndpoint: "http://collector:4317" }')).toBe('http://collector:4317');
  expect(await endpoint('{ otlpEndpoint: null }')).toBeNull();
});

test('a file without the demo provider serves no demo model, whatever keys the environment holds', async () => {
  const result = await read('providers: { vllm: }\n', { TOLLGATE_DEMO_KEY: 'tg-demo-x' });
  expect(result).toMatchObject({
    kind: 'ok',
    config: { models: [], keys: [{ caller: { keyId: 'demo' } }] },
  });
  expect(result.kind === 'ok' && [...result.config.providers.keys()]).toEqual(['vllm']);
});

test('the key for everything counts only as long as the file names no keys', async () => {
  const env = { TOLLGATE_CALLER_KEY: 'tg-caller-x', SHOP_KEY: 'tg-shop-x' };
  const ids = async (text: string) => {
    const result = await read(text, env);
    return result.kind === 'ok' ? result.config.keys.map(({ caller }) => caller.keyId) : [];
  };
  expect(await ids('providers: { demo: }\n')).toEqual(['caller']);
  const keys = "keys: [{ id: shop, secret: '${SHOP_KEY}' }]";
  expect(await ids(`providers: { demo: }\n${keys}\n`)).toEqual(['shop']);
});

test('broken YAML is named where it breaks, before anything else is judged', async () => {
  const result = await read("providers:\n  openai: { apiKey: 'x'\n  demo: {}\n");
  expect(result).toMatchObject({
    kind: 'bad',
    problems: [{ line: 3, column: 3, message: expect.stringMatching(/^not YAML: /) }],
  });
});
