/**
 * A catalogue with its signature in the same file, so that both are put in place at once. The signature is Ed25519 over the
 * bytes of the unsigned file, so that anybody can verify it with openssl and that file.
 */
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** How the text of a catalogue ends without and with a signature. */
const unsignedEnd = '\n}\n';
const signedEnd = /,\n"signature": "([A-Za-z0-9+/]{86}==)"\n\}\n$/;

/** Puts the signature of a catalogue's text into it; null when it is no text as `catalogueText` writes it. */
export const signedText = (text: string, key: KeyObject): string | null => {
  if (!text.endsWith(unsignedEnd) || signedEnd.test(text)) return null;
  const signature = sign(null, Buffer.from(text), key).toString('base64');
  return `${text.slice(0, -unsignedEnd.length)},\n"signature": "${signature}"\n}\n`;
};

/** A signed file, taken apart: the very text that was signed, and the signature. Null when there is none in it. */
export const signedParts = (
  file: string,
): { readonly text: string; readonly signature: Buffer } | null => {
  const found = signedEnd.exec(file);
  if (found === null) return null;
  const [, base64 = ''] = found;
  const signature = Buffer.from(base64, 'base64');
  // The last character of the base64 has bits that mean nothing; written otherwise than we write them, it is not ours.
  if (signature.toString('base64') !== base64) return null;
  return { text: `${file.slice(0, found.index)}${unsignedEnd}`, signature };
};

/** The text of a signed file when one of these keys signed it; what is wrong with it otherwise. */
export const verifiedText = (
  file: string,
  keys: readonly KeyObject[],
): { readonly text: string } | { readonly problem: string } => {
  const parts = signedParts(file);
  if (parts === null) return { problem: 'is cut off, or not signed' };
  const bytes = Buffer.from(parts.text);
  return keys.some((key) => verify(null, bytes, key, parts.signature))
    ? { text: parts.text }
    : {
        problem: 'was changed after it was signed, or signed with a key that is not in publicKeys',
      };
};

/**
 * Reads an Ed25519 public key, as PEM or as the base64 of its SPKI; null when it is none. A private key is none either: it
 * must not lie where a public one belongs.
 */
export const publicKeyOf = (written: string): KeyObject | null => {
  const text = written.trim();
  const isPem = text.startsWith('-----BEGIN PUBLIC KEY-----');
  if (!isPem && !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  try {
    const key = isPem
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
};
