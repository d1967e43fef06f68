import type { KeyObject } from 'node:crypto';
import { isMap } from '@tollgate/settings/context.ts';
import { readCatalogue, largestCatalogueBytes, type Catalogue } from '../prices/catalogue.ts';
import { publicKeyOf, verifiedText } from '../prices/signed.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';

/** The catalogue's file that a document names, and how large it may be. */
export const catalogueFile = (value: unknown): ReadonlyMap<string, number> => {
  const section = isMap(value) ? value['catalogue'] : null;
  const file = isMap(section) ? section['file'] : null;
  return new Map(typeof file === 'string' && file !== '' ? [[file, largestCatalogueBytes]] : []);
};

const keysOf = (texts: readonly string[], { complaints }: Context): readonly KeyObject[] =>
  texts.flatMap((text, i) => {
    const key = publicKeyOf(text);
    if (key !== null) return [key];
    complaints.add(
      ['catalogue', 'publicKeys', i],
      'must be an Ed25519 public key, as PEM or as the base64 of its SPKI',
    );
    return [];
  });

/** Vendors that the providers need and the catalogue does not list. */
const missingVendors = (
  { vendors }: Catalogue,
  providers: Config['providers'],
  context: Context,
): readonly string[] => {
  const needed = [...providers.values()].map(({ use }) => context.vendors.get(use)?.prices ?? null);
  return [...new Set(needed)].flatMap((vendor) =>
    vendor === null || vendors.has(vendor) ? [] : [vendor],
  );
};

/**
 * The catalogue that a configuration names; null: it names none, or there is something wrong with it, which has been said.
 */
export const checkCatalogue = (
  { file: name, publicKeys }: Config['catalogue'],
  providers: Config['providers'],
  context: Context,
): Catalogue | null => {
  const { complaints, files } = context;
  const bad = (message: string, field = 'file'): null => {
    complaints.add(['catalogue', field], message);
    return null;
  };
  const keys = keysOf(publicKeys, context);
  if (name === null)
    return publicKeys.length === 0 ? null : bad("'file' is missing: there is nothing to verify");
  if (publicKeys.length === 0)
    return bad('says no key, so that no catalogue can be verified', 'publicKeys');
  if (keys.length < publicKeys.length) return null;
  const file = files.get(name);
  if (file?.kind !== 'text')
    return bad(`cannot read the catalogue: ${file?.reason ?? 'it was not read'}`);
  const verified = verifiedText(file.text, keys);
  if ('problem' in verified) return bad(`the catalogue ${verified.problem}`);
  const read = readCatalogue(verified.text);
  if (read.kind === 'bad') return bad(`the catalogue ${read.problem}`);
  const missing = missingVendors(read.catalogue, providers, context);
  return missing.length === 0
    ? read.catalogue
    : bad(`the catalogue has no vendor ${missing.join(', ')}, which a provider needs`);
};
