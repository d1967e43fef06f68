import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readText } from '@tollgate/settings/edge/read.ts';
import { putFile } from '../../edge/prices/put-file.ts';
import { readCatalogue } from '../../prices/catalogue.ts';
import { signedText } from '../../prices/signed.ts';
import { command } from '../command.ts';
import { located } from '../configuration.ts';
import { fail, say } from '../say.ts';
import { readFileOf } from './file.ts';

const largestKeyBytes = 64 * 2 ** 10;
/** Of a file's mode: what everybody on the machine may do. */
const everybody = 0o007;

/** The private key in a file, or why it is not used. Nothing of it is part of a message. */
const keyOf = async (path: string): Promise<KeyObject | { readonly problem: string }> => {
  const read = await readText(path, largestKeyBytes);
  if (read.kind !== 'text') return { problem: `cannot be read: ${read.reason}` };
  if (((await stat(path)).mode & everybody) !== 0)
    return { problem: `may be read by everybody on this machine: chmod 600 ${path}` };
  try {
    const key = createPrivateKey(read.text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below: what is wrong with a key's text might tell of the key.
  }
  return { problem: 'is no Ed25519 private key as PEM (openssl genpkey -algorithm ed25519)' };
};

/** `tollgate prices sign FILE --key PEM --out FILE`. */
export const signCatalogue = command({
  name: 'sign',
  group: 'prices',
  description: 'Sign a catalogue, so that gateways that know the public key take it',
  args: {
    file: { type: 'positional', required: true, description: 'A catalogue, not signed yet' },
    key: { type: 'string', required: true, description: 'Ed25519 private key, PKCS#8 PEM' },
    out: { type: 'string', required: true, description: 'Where the signed catalogue is written' },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { file, key: keyFile, out, json } }) => {
    const asJson = json === true;
    const read = await readFileOf(file);
    if (read.kind !== 'text') return fail(`${file} cannot be read: ${read.reason}`, asJson);
    const key = await keyOf(located(keyFile));
    if ('problem' in key) return fail(`${keyFile} ${key.problem}`, asJson);
    const catalogue = readCatalogue(read.text);
    if (catalogue.kind === 'bad') return fail(`${file} ${catalogue.problem}`, asJson);
    const signed = signedText(read.text, key);
    if (signed === null)
      return fail(`${file} does not end as a catalogue does that was generated`, asJson);
    try {
      await putFile(located(out), signed);
    } catch (error) {
      return fail(`cannot write ${out}: ${String(error)}`, asJson);
    }
    const { version } = catalogue.catalogue;
    const publicKey = createPublicKey(key)
      .export({ type: 'spki', format: 'der' })
      .toString('base64');
    if (asJson) say(JSON.stringify({ ok: true, version, file: out, publicKey }));
    else say(`signed ${version}: ${out}\nthe public key, for catalogue.publicKeys: ${publicKey}`);
  },
});
