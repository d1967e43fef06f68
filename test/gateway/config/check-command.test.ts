import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runProcess, runTollgate } from '../cli/run.ts';
import { fixtureEnv } from './fixtures.ts';

const root = join(import.meta.dirname, '../../..');
const directory = mkdtempSync(join(tmpdir(), 'tollgate-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

const tollgate = (args: readonly string[], env: Record<string, string> = {}) =>
  runTollgate(directory, args, env);

test('a good file is ok, with a summary that holds no secret', async () => {
  const example = join(root, 'deploy/examples/tollgate.yaml');
  const { code, out, err } = await runProcess(directory, ['check', example], fixtureEnv);
  expect(out).toMatch(
    /^ok: .*tollgate\.yaml [0-9a-f]{12}\n {2}providers {2}4 {2}openai, anthropic, local, demo\n/,
  );
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).not.toContain('LEAK');
  const json = await tollgate(['check', example, '--json'], fixtureEnv);
  expect(JSON.parse(json.out)).toMatchObject({
    ok: true,
    providers: ['openai', 'anthropic', 'local', 'demo'],
    keys: 5,
    prices: 1,
  });
  expect(json.out).not.toContain('LEAK');
});

test('a bad file exits with 1, one line for each problem', async () => {
  writeFileSync(
    join(directory, 'bad.yaml'),
    'providers: { demo: }\nlog: { level: loud }\nlimit: {}\n',
  );
  const { code, out } = await runProcess(directory, ['check', 'bad.yaml']);
  expect(out).toBe(
    "bad.yaml:2:15: log.level: must be one of debug, info, warn, error, silent, not 'loud'\nbad.yaml:3:1: limit: unknown key 'limit'; did you mean 'limits'?\n",
  );
  expect(code).toBe(1);
  const json = await tollgate(['check', '--json', 'bad.yaml']);
  expect(JSON.parse(json.out)).toMatchObject({
    ok: false,
    problems: [
      { line: 2, column: 15 },
      { line: 3, path: 'limit' },
    ],
  });
  expect(json.code).toBe(1);
});

test('without a file it checks what the gateway would read', async () => {
  const builtIn = await tollgate(['check', '--json']);
  expect(JSON.parse(builtIn.out)).toMatchObject({
    ok: true,
    file: 'built-in',
    providers: ['demo'],
  });
  writeFileSync(join(directory, 'tollgate.yaml'), 'providers: { vllm: }\n');
  const found = await tollgate(['check', '--json']);
  expect(JSON.parse(found.out)).toMatchObject({ file: 'tollgate.yaml', providers: ['vllm'] });
  const named = await tollgate(['check', '--json'], { TOLLGATE_CONFIG: 'nowhere.yaml' });
  expect(JSON.parse(named.out)).toMatchObject({ ok: false, problems: [{ file: 'nowhere.yaml' }] });
});

test('a relative file is looked for where the user was when npm moved away', async () => {
  const { code } = await tollgate(['check', 'deploy/examples/tollgate.yaml'], {
    ...fixtureEnv,
    INIT_CWD: root,
  });
  expect(code).toBe(0);
});

// oxfmt-ignore
test.each([
  [[], 'no command given'],
  [['chek'], "there is no command 'chek'"],
  [['check', '--jsn'], "there is no option '--jsn'"],
  [['check', 'a.yaml', 'b.yaml'], "one argument too many: 'b.yaml'"],
  [['prices'], 'no command given'],
  [['prices', 'shwo'], "there is no command 'prices shwo'"],
  [['prices', 'diff'], 'FILE is missing'],
  [['prices', 'explain', '--provider', 'openai'], '--model is missing'],
])('called as %j it exits with 2, explains itself and says why', async (args, reason) => {
  const { code, out, err } = await tollgate(args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toContain('USAGE');
  expect(err).toContain(`tollgate: ${reason}`);
});

test.each([
  [['--help']],
  [['check', '--help']],
  [['prices', '--help']],
  [['prices', 'import', '-h']],
])('%j explains itself on standard output, plainly', async (args) => {
  const { code, out } = await tollgate(args);
  expect(code).toBe(0);
  expect(out).toContain('USAGE');
  expect(out).not.toContain('\u001b');
});
