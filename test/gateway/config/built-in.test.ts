import { expect, test } from 'vitest';
import { builtInConfig } from '../../../gateway/src/config/built-in.ts';
import { credentialVariables } from '../../../gateway/src/contract/credentials.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';

const surroundings = {
  providers,
  files: new Map(),
  keys: { master: '', demo: '', caller: '' },
  otlpEndpoint: null,
};

const built = (variables: Record<string, string>, more = {}) => {
  const checked = builtInConfig(variables, { ...surroundings, ...more });
  if (checked.kind === 'bad') throw new Error(JSON.stringify(checked.problems));
  return checked.config;
};

test('without any account there is the demo model, and nobody who may call it', () => {
  const config = built({});
  expect([...config.providers.keys()]).toEqual(['demo']);
  expect(config.models.map(({ name }) => name)).toContain('demo');
  expect(config.keys).toEqual([]);
  expect(config.source).toBe('built-in');
});

test('every vendor whose credential is in the environment serves its known models', () => {
  const vendors = [...providers.values()].filter(({ credentials: [first] }) =>
    credentialVariables.some((variable) => variable === first?.variable),
  );
  const variables = Object.fromEntries(
    vendors.map(({ credentials: [first] }) => [String(first?.variable), 'sk-x\n']),
  );
  const config = built(variables);
  expect([...config.providers.keys()]).toEqual([...vendors.map(({ name }) => name), 'demo']);
  for (const { name, knownModels } of vendors) {
    expect(config.providers.get(name)?.credentials.get('apiKey')?.reveal()).toBe('sk-x');
    for (const model of knownModels) {
      const targets = config.models.find((one) => one.name === model)?.targets;
      expect(targets).toContainEqual({ provider: name, model: null });
    }
  }
});

test('an empty credential counts as none', () => {
  expect([...built({ OPENAI_API_KEY: '' }).providers.keys()]).toEqual(['demo']);
});

test('the environment brings a key of the administrator, one of the demo and one for the rest', () => {
  const given = { master: 'tg-master-1', demo: 'tg-demo-1', caller: 'tg-caller-1' };
  const { keys } = built({}, { keys: given });
  expect(keys.map(({ admin, caller }) => [caller.keyId, caller.team, caller.app, admin])).toEqual([
    ['master', '', '', true],
    ['demo', 'demo', 'demo', false],
    ['caller', 'default', 'default', false],
  ]);
  // printf %s tg-demo-1 | sha256sum
  expect(keys[1]?.sha256).toBe('bbaf83e2a72d919e60e21a625308076e075dede0563f87a3ebb2bc3c940892d0');
});

test('the demo key may use the simulated models and nothing that costs money', () => {
  const keys = { master: '', demo: 'tg-demo-1', caller: 'tg-caller-1' };
  const config = built({ OPENAI_API_KEY: 'sk-x' }, { keys });
  const models = Object.fromEntries(
    config.keys.map(({ caller }) => [caller.keyId, caller.models] as const),
  );
  expect(models).toEqual({ demo: ['demo', 'demo-*'], caller: null });
});

test('every variable of the contract is the credential of one vendor', () => {
  const variables = [...providers.values()].flatMap(({ credentials }) =>
    credentials.flatMap(({ variable }) => variable ?? []),
  );
  // Those of vendors that need a file as well are not told to `npm start`.
  expect(variables).toEqual(expect.arrayContaining([...credentialVariables]));
  expect(new Set(variables).size).toBe(variables.length);
});

test('a vendor that needs more than a credential is not served without a file', () => {
  const config = built({
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'a-secret-access-key',
    AZURE_OPENAI_API_KEY: 'an-azure-key',
  });
  expect([...config.providers.keys()]).toEqual(['demo']);
});

test('a credential that no header can carry is a problem that does not repeat it', () => {
  const checked = builtInConfig({ OPENAI_API_KEY: 'sk LEAK' }, surroundings);
  expect(checked).toMatchObject({
    kind: 'bad',
    problems: [{ file: 'built-in', path: 'providers.openai.apiKey' }],
  });
  expect(JSON.stringify(checked)).not.toContain('LEAK');
});

test('the endpoint of the environment is checked like one of a file', () => {
  expect(built({}, { otlpEndpoint: 'http://127.0.0.1:4317' }).telemetry.otlpEndpoint).toBe(
    'http://127.0.0.1:4317',
  );
  expect(builtInConfig({}, { ...surroundings, otlpEndpoint: 'nonsense' })).toMatchObject({
    kind: 'bad',
    problems: [
      {
        path: 'telemetry.otlpEndpoint',
        message: expect.stringContaining('TOLLGATE_OTLP_ENDPOINT'),
      },
    ],
  });
});
