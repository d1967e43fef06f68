/** The private key that a command signs with. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readText } from '@tollgate/settings/edge/read.ts';

const largestKeyBytes = 64 * 2 ** 10;
/** Of a file's mode: what everybody on the machine may do. */
const everybody = 0o007;

/** The private key in a file, or why it is not used. Nothing of it is part of a message. */
export const signingKey = async (
  path: string,
): Promise<KeyObject | { readonly problem: string }> => {
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

/** What whoever checks the signature needs: the base64 of the key's public half as SPKI. */
export const publicHalf = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
