/** `tollgate prices ...`: what it says, what it does to files, how it ends. */
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import { signedText } from '../../../gateway/src/prices/signed.ts';
import { smallCatalogue } from '../prices/small-catalogue.ts';
import { runTollgate } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-prices-'));
afterAll(() => rmSync(directory, { recursive: true }));

const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const publicKey = ours.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const at = (name: string) => join(directory, name);
const put = (name: string, text: string) => writeFileSync(at(name), text);
const signed = (text: string, key = ours.privateKey) => signedText(text, key) ?? '';
const prices = async (...args: readonly string[]) => {
  const { code, out, err } = await runTollgate(directory, ['prices', ...args], { KEY: 'sk-key' });
  return { code, out, err, said: out + err };
};
const json = async (...args: readonly string[]): Promise<unknown> =>
  JSON.parse((await prices(...args, '--json')).out);

const configuration = `providers: { openai: { apiKey: "\${KEY}" } }
catalogue: { file: in-force.json, publicKeys: ["${publicKey}"] }
`;
const inForce = signed(smallCatalogue({ input: '1', day: '2026-11-20' }));
beforeEach(() => {
  put('tollgate.yaml', configuration);
  put('in-force.json', inForce);
});

test('show says which catalogue is in force, how old it is and where it comes from', async () => {
  const { code, out } = await prices('show');
  expect(code).toBe(0);
  expect(out).toMatch(/^catalogue 2026\.47-[0-9a-f]{8}, of in-force\.json \(shipped: 2026/);
  expect(out).toContain('source   test 1, 2026-11-20');
  expect(out).toContain('vendor   openai: 1 entries');
  rmSync(at('tollgate.yaml'));
  expect(await json('show')).toMatchObject({
    ok: true,
    version: shippedCatalogue().version,
    from: 'this version of Tollgate',
    vendors: { anthropic: expect.any(Number) },
  });
});

test('show gives the lines of a model, and the own prices that lie over it', async () => {
  put(
    'tollgate.yaml',
    `${configuration}prices: [{ provider: openai, model: gpt-*, discount: 0.5 }]\n`,
  );
  const { code, out } = await prices('show', '--provider', 'openai', '--model', 'gpt-4o-mini');
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /input_uncached {2}1\n.*output_text {2}0\.6\n.*own price over it: .*"discount":"0\.5"/s,
    ),
  ]);
  const none = await prices('show', '--provider', 'openai', '--model', 'gpt-4o-maxi');
  expect([none.code, none.out]).toEqual([0, expect.stringContaining('near: gpt-4o-mini')]);
  expect((await prices('show', '--model', 'x')).code).toBe(2);
  expect((await prices('show', '--provider', 'nobody')).code).toBe(2);
});

test('explain says how a price was found and what each line costs, at list and at our own price', async () => {
  put(
    'tollgate.yaml',
    `${configuration}prices: [{ provider: openai, model: gpt-*, discount: 0.5, source: contract }]\n`,
  );
  // oxfmt-ignore
  const said = await json('explain', '--provider', 'openai', '--model', 'gpt-4o-mini', '--answered', 'gpt-4o-mini-2024-07-18', '--usage', 'input=1000,output=50');
  expect(said).toEqual({
    ok: true,
    version: expect.stringMatching(/^2026\.47-[0-9a-f]{8}\+[0-9a-f]{8}$/),
    priceId: 'own/openai/gpt-*, contract: openai/gpt-4o-mini',
    status: 'priced',
    own: { model: 'gpt-*', source: 'contract', by: 'asked' },
    entry: {
      id: 'openai/gpt-4o-mini',
      source: 'test',
      by: 'answered',
      name: 'gpt-4o-mini-2024-07-18',
      isWhole: false,
      vendor: 'openai',
      isFallback: false,
    },
    variants: [],
    lines: [
      {
        line: 'input',
        quantity: 1000,
        usd: '0.5',
        listUsd: '1',
        per: 'million tokens',
        cost: '0.0005',
      },
      {
        line: 'output',
        quantity: 50,
        usd: '0.3',
        listUsd: '0.6',
        per: 'million tokens',
        cost: '0.000015',
      },
    ],
    costUsd: '0.000515',
    listUsd: '0.00103',
    near: [],
  });
});

test('explain says what has no price, with names that are near, and exits with 1', async () => {
  const unknown = await prices('explain', '--provider', 'openai', '--model', 'gpt-9');
  expect([unknown.code, unknown.out]).toEqual([1, expect.stringContaining('near     gpt-4o-mini')]);
  expect(unknown.out).toContain('no list knows the name');
  // oxfmt-ignore
  const tier = await prices('explain', '--provider', 'openai', '--model', 'gpt-4o-mini', '--tier', 'flex');
  expect([tier.code, tier.out]).toEqual([
    1,
    expect.stringContaining('service_tier=flex: no price is known for it'),
  ]);
  expect(tier.out).toContain('partly_unpriced');
});

test('explain knows variants, tiers of input, times of day and lists of other vendors', async () => {
  rmSync(at('tollgate.yaml'));
  // oxfmt-ignore
  const haiku = await json('explain', '--provider', 'anthropic', '--model', 'claude-fable-5', '--region', 'us', '--usage', 'input=1000000,webSearches=2');
  expect(haiku).toMatchObject({
    variants: [{ dimension: 'inference_geo', value: 'us', changes: 'all tokens times 11/10' }],
    lines: [{ usd: '11' }, { line: 'webSearches', usd: '10', per: 'thousand', cost: '0.02' }],
    costUsd: '11.02',
  });
});

test.each([
  ['--at', 'yesterday', 'is no time'],
  ['--usage', 'tokens=5', 'must be one of input'],
  ['--usage', 'input=-5', 'must be one of input'],
])('explain %s %s is called wrongly', async (option, value, reason) => {
  // oxfmt-ignore
  const { code, err } = await prices('explain', '--provider', 'openai', '--model', 'gpt-4o-mini', option, value);
  expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
});

test('diff tells what comes, goes and changes, in percent, and marks large changes; it needs no signature', async () => {
  const more = (id: string) => ({
    id: `openai/${id}`,
    match: { equals: id },
    source: 'test',
    prices: [{ usd: { input_uncached: { usd: '2' } } }],
  });
  put('next.json', smallCatalogue({ input: '6', day: '2026-11-27', more: [more('gpt-new')] }));
  const { code, out } = await prices('diff', 'next.json');
  expect(code).toBe(0);
  expect(out).toContain('  + openai/gpt-new\n');
  expect(out).toContain('  ~ openai/gpt-4o-mini\n');
  expect(out).toContain('input_uncached  1 -> 6  (+500.0 %)  LARGE\n');
  expect(out).toContain('1 models added, 0 gone, 1 changed, 1 lines by more than 5 times');
  put('next.json', signed(smallCatalogue({ input: '5', more: [more('gpt-new')] })));
  expect(await json('diff', 'next.json')).toMatchObject({
    ok: true,
    added: ['openai/gpt-new'],
    gone: [],
    large: 0,
    changed: [
      { vendor: 'openai', names: ['gpt-4o-mini'], lines: [{ old: '1', new: '5', isLarge: false }] },
    ],
  });
  put('torn.json', inForce.slice(0, -9));
  const torn = await prices('diff', 'torn.json');
  expect([torn.code, torn.err]).toEqual([1, expect.stringContaining('torn.json is no JSON')]);
  expect((await prices('diff', 'nowhere.json')).code).toBe(1);
});

test('sign and import: the signed file is put in place as it is, and the key is printed', async () => {
  put('key.pem', ours.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  chmodSync(at('key.pem'), 0o600);
  put('new.json', smallCatalogue({ input: '2' }));
  const made = await prices('sign', 'new.json', '--key', 'key.pem', '--out', 'new.signed.json');
  expect([made.code, made.out]).toEqual([0, expect.stringContaining(publicKey)]);
  expect(made.out).not.toContain('PRIVATE');
  expect(readFileSync(at('new.signed.json'), 'utf8')).toBe(signed(smallCatalogue({ input: '2' })));
  // Who has the old file open goes on reading the old one.
  linkSync(at('in-force.json'), at('old.json'));
  const imported = await prices('import', 'new.signed.json');
  expect(readFileSync(at('old.json'), 'utf8')).toBe(inForce);
  expect([imported.code, imported.out]).toEqual([0, expect.stringContaining('1 changed')]);
  expect(readFileSync(at('in-force.json'))).toEqual(readFileSync(at('new.signed.json')));
  expect(readdirSync(directory).filter((name) => name.endsWith('.new'))).toEqual([]);
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
test.each([
  ['that everybody may read', { mode: 0o644, key: ours.privateKey }, 'chmod 600'],
  ['of another kind', { mode: 0o600, key: rsa.privateKey }, 'Ed25519'],
])('a key %s signs nothing', async (_, { mode, key }, reason) => {
  rmSync(at('bad.pem'), { force: true });
  put('bad.pem', key.export({ type: 'pkcs8', format: 'pem' }));
  chmodSync(at('bad.pem'), mode);
  put('new.json', smallCatalogue());
  const { code, err } = await prices('sign', 'new.json', '--key', 'bad.pem', '--out', 'none.json');
  expect([code, err]).toEqual([1, expect.stringContaining(reason)]);
  expect(err).not.toContain('PRIVATE');
  expect(existsSync(at('none.json'))).toBe(false);
});

const next = (more: Parameters<typeof smallCatalogue>[0] = {}) =>
  smallCatalogue({ input: '2', ...more });
test.each([
  ['that is not signed', next(), [], 'not signed'],
  ['that a stranger signed', signed(next(), theirs.privateKey), [], 'publicKeys'],
  ['that is cut off', signed(next()).slice(0, -40), [], 'cut off'],
  ['that was changed', signed(next()).replace('"usd":"2"', '"usd":"3"'), [], 'changed after'],
  [
    'older than the one in force',
    signed(next({ day: '2026-11-19' })),
    ['--allow-large-changes'],
    '--allow-older',
  ],
  [
    'with a price six times as high',
    signed(next({ input: '6' })),
    ['--allow-older'],
    '--allow-large-changes',
  ],
  ['with a price a sixth as high', signed(next({ input: '0.15' })), [], '--allow-large-changes'],
  ['with a price of nothing', signed(next({ input: '0' })), [], '--allow-large-changes'],
])(
  'a catalogue %s is not imported, and the old file stays byte by byte',
  async (_, text, more, reason) => {
    put('candidate.json', text);
    const { code, said } = await prices('import', 'candidate.json', ...more);
    expect([code, said]).toEqual([1, expect.stringContaining(reason)]);
    expect(readFileSync(at('in-force.json'), 'utf8')).toBe(inForce);
  },
);

test.each([
  ['older', signed(next({ day: '2026-11-19' })), '--allow-older'],
  ['with large changes', signed(next({ input: '6' })), '--allow-large-changes'],
])('who says so imports a catalogue %s', async (_, text, option) => {
  put('candidate.json', text);
  expect(await json('import', 'candidate.json', option)).toMatchObject({
    ok: true,
    from: expect.stringMatching(/^2026\.47-/),
  });
  expect(readFileSync(at('in-force.json'), 'utf8')).toBe(text);
});

test('an import mends a file that is not there or torn; a gateway does not start with one', async () => {
  put('candidate.json', signed(next()));
  // Against the shipped catalogue, which holds as long as there is no other.
  for (const spoil of [() => rmSync(at('in-force.json')), () => put('in-force.json', '{')]) {
    spoil();
    const checked = await runTollgate(directory, ['check'], { KEY: 'sk-key' });
    expect([checked.code, checked.out]).toEqual([1, expect.stringContaining('catalogue.file: ')]);
    const done = await prices('import', 'candidate.json', '--allow-large-changes');
    expect([done.code, done.err]).toEqual([0, '']);
    expect(readFileSync(at('in-force.json'), 'utf8')).toBe(signed(next()));
  }
});

test('a file that cannot be written leaves the old one, and nothing beside it', async () => {
  put('candidate.json', signed(next()));
  mkdirSync(at('folder'), { recursive: true });
  put('tollgate.yaml', configuration.replace('in-force.json', 'nowhere/in-force.json'));
  const { code, err } = await prices('import', 'candidate.json', '--allow-large-changes');
  expect([code, err]).toEqual([1, expect.stringContaining('cannot write')]);
});

test('a link is followed: the file that it leads to is replaced, the link stays', async () => {
  mkdirSync(at('elsewhere'), { recursive: true });
  put('elsewhere/real.json', inForce);
  rmSync(at('in-force.json'));
  symlinkSync('elsewhere/real.json', at('in-force.json'));
  put('candidate.json', signed(next()));
  expect((await prices('import', 'candidate.json')).code).toBe(0);
  expect(readFileSync(at('elsewhere/real.json'), 'utf8')).toBe(signed(next()));
  rmSync(at('in-force.json'));
});

test('without a place in the configuration an import says what to add', async () => {
  put('candidate.json', signed(next()));
  for (const make of [
    () => put('tollgate.yaml', 'providers: { demo: }\n'),
    () => rmSync(at('tollgate.yaml')),
  ]) {
    make();
    const { code, err } = await prices('import', 'candidate.json');
    expect([code, err]).toEqual([1, expect.stringContaining('catalogue:\n  file: ')]);
  }
});
