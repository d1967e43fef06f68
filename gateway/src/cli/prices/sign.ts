import { putFile } from '../../edge/prices/put-file.ts';
import { readCatalogue } from '../../prices/catalogue.ts';
import { signedText } from '../../prices/signed.ts';
import { command } from '../command.ts';
import { located } from '../located.ts';
import { fail, say } from '../say.ts';
import { publicHalf, signingKey } from '../signing-key.ts';
import { readFileOf } from './file.ts';

/** `tollgate prices sign FILE --key PEM --out FILE`. */
export const signCatalogue = command({
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
    const key = await signingKey(located(keyFile));
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
    const publicKey = publicHalf(key);
    if (asJson) say(JSON.stringify({ ok: true, version, file: out, publicKey }));
    else say(`signed ${version}: ${out}\nthe public key, for catalogue.publicKeys: ${publicKey}`);
  },
});
