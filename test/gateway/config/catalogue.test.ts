/** A renewed catalogue of prices, as part of a configuration. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { currentFingerprint } from '@tollgate/settings/edge/read.ts';
import { readConfig } from '../../../gateway/src/edge/config/read.ts';
import { compilePrices, shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import { largestCatalogueBytes } from '../../../gateway/src/prices/catalogue.ts';
import { signedText } from '../../../gateway/src/prices/signed.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';
import { smallCatalogue } from '../prices/small-catalogue.ts';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-catalogue-'));
afterAll(() => rmSync(directory, { recursive: true }));

const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const base64 = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).toString('base64');
const path = join(directory, 'tollgate.yaml');

const read = (catalogue: string, vendors = '{ openai: { apiKey: "${KEY}" }, demo: }') => {
  writeFileSync(path, `providers: ${vendors}\ncatalogue: ${catalogue}\n`);
  return readConfig({ path, env: { KEY: 'sk-key' }, providers });
};
const ourFile = `{ file: prices.json, publicKeys: ["${base64(ours.publicKey)}"] }`;
const put = (text: string) => writeFileSync(join(directory, 'prices.json'), text);
const signed = (text: string, key = ours.privateKey) => signedText(text, key) ?? '';

test('the catalogue of a file beside the configuration takes the place of the shipped one', async () => {
  put(signed(smallCatalogue({ input: '7' })));
  const result = await read(ourFile);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  const table = compilePrices(result.config);
  expect(table.version).toBe(result.config.priceCatalogue?.version);
  expect(table.version).not.toBe(shippedCatalogue().version);
  const names = { asked: 'gpt-4o-mini', answered: 'gpt-4o-mini' };
  expect(table.find('openai', names, 0)?.rates.input_uncached?.base).toBe(7_000_000_000_000n);
});

test('it is one of the files that are followed: a new one changes the fingerprint', async () => {
  // Larger than a secret may be.
  const more = Array.from({ length: 1000 }, (_, i) => ({
    id: `openai/m${i}`,
    match: { equals: `m${i}` },
    prices: [{ usd: {} }],
    source: 'test',
  }));
  put(signed(smallCatalogue({ input: '7', more })));
  const { kind, sources } = await read(ourFile);
  expect(kind).toBe('ok');
  expect(sources.files).toEqual([path, join(directory, 'prices.json')]);
  expect(await currentFingerprint(sources)).toBe(sources.fingerprint);
  put(signed(smallCatalogue({ input: '8', more })));
  expect(await currentFingerprint(sources)).not.toBe(sources.fingerprint);
});

test('without a section the shipped catalogue holds', async () => {
  const result = await read('');
  expect(result).toMatchObject({ kind: 'ok', config: { priceCatalogue: null } });
});

test.each([
  [
    'that is not there',
    () => rmSync(join(directory, 'prices.json'), { force: true }),
    'no such file',
  ],
  ['that is not signed', () => put(smallCatalogue()), 'not signed'],
  ['that is cut off', () => put(signed(smallCatalogue()).slice(0, -1)), 'cut off'],
  ['that a stranger signed', () => put(signed(smallCatalogue(), theirs.privateKey)), 'publicKeys'],
  [
    'that is too large',
    () => put('x'.repeat(largestCatalogueBytes + 1)),
    'more than 8388608 bytes',
  ],
  [
    'that is signed and no catalogue',
    () => put(signed('{\n"format": 2\n}\n')),
    'the catalogue is none',
  ],
  [
    'whose version is not that of its content',
    () => put(signed(smallCatalogue().replace('0.15', '0.25'))),
    'other content',
  ],
  [
    'with a pattern that does not compile',
    () =>
      put(
        signed(
          smallCatalogue({
            more: [
              { id: 'openai/x', match: { regex: '(' }, prices: [{ usd: {} }], source: 'test' },
            ],
          }),
        ),
      ),
    'openai/x',
  ],
])('a catalogue %s is a problem of the configuration', async (_, make, message) => {
  make();
  expect(await read(ourFile)).toMatchObject({
    kind: 'bad',
    problems: [{ path: 'catalogue.file', message: expect.stringContaining(message) }],
  });
});

test('a catalogue without a vendor that a provider needs is a problem, and names it', async () => {
  put(signed(smallCatalogue()));
  expect(
    await read(ourFile, '{ anthropic: { apiKey: "${KEY}" }, openai: { apiKey: "${KEY}" } }'),
  ).toMatchObject({
    kind: 'bad',
    problems: [{ message: 'the catalogue has no vendor anthropic, which a provider needs' }],
  });
});

test.each([
  ['{ file: prices.json }', 'catalogue.publicKeys', 'no key'],
  [`{ publicKeys: ["${base64(ours.publicKey)}"] }`, 'catalogue.file', 'missing'],
  ['{ file: prices.json, publicKeys: [AAAA] }', 'catalogue.publicKeys[0]', 'Ed25519'],
])('%s is no section', async (catalogue, at, message) => {
  put(signed(smallCatalogue()));
  expect(await read(catalogue)).toMatchObject({
    kind: 'bad',
    problems: [{ path: at, message: expect.stringContaining(message) }],
  });
});
