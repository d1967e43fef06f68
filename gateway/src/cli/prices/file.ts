/** Catalogue files that a command is given. */
import type { SecretFile } from '@tollgate/settings/context.ts';
import { readText } from '@tollgate/settings/edge/read.ts';
import {
  largestCatalogueBytes,
  readCatalogue,
  type ReadCatalogue,
} from '../../prices/catalogue.ts';
import { signedParts } from '../../prices/signed.ts';
import { located } from '../located.ts';

/** The text of a file that may be a catalogue, or why it cannot be read. */
export const readFileOf = (file: string): Promise<SecretFile> =>
  readText(located(file), largestCatalogueBytes);

/** A catalogue, signed or not; its signature is not looked at. */
export const readUnverified = async (file: string): Promise<ReadCatalogue> => {
  const read = await readFileOf(file);
  if (read.kind !== 'text') return { kind: 'bad', problem: `cannot be read: ${read.reason}` };
  return readCatalogue(signedParts(read.text)?.text ?? read.text);
};
