/** Credentials in places that are shown: a key in `team` would stand in every row of the ledger. */
import { hash } from 'node:crypto';
import type { KeyConfig, ProviderConfig } from './config.ts';
import { isMap } from '@tollgate/settings/context.ts';
import type { Context } from './context.ts';
import { secretFields } from './secret-fields.ts';
import type { Path } from '@tollgate/settings/document.ts';

/** A shorter credential is no secret (`none`, `local`), and may well be a word that stands elsewhere. */
const shortest = 12;

/** Every text of a document that is no credential, with its place. */
const eachText = (
  value: unknown,
  at: Path,
  secret: ReadonlySet<string>,
  found: (text: string, at: Path) => void,
): void => {
  if (typeof value === 'string') found(value, at);
  else if (Array.isArray(value)) {
    for (const [i, inner] of value.entries()) eachText(inner, [...at, i], secret, found);
  } else if (isMap(value)) {
    for (const [name, inner] of Object.entries(value))
      if (!secret.has(name)) eachText(inner, [...at, name], secret, found);
  }
};

/**
 * Complains about a provider's credential that is also a client's key (whoever may call would hold it), and about text
 * that holds a credential. No message repeats it.
 */
export const checkLeaks = (
  providers: ReadonlyMap<string, ProviderConfig>,
  keys: readonly KeyConfig[],
  { document, complaints, vendors }: Context,
): void => {
  const clients = new Set(keys.map(({ sha256 }) => sha256));
  const credentials: string[] = [];
  for (const [name, provider] of providers) {
    for (const [field, secret] of provider.credentials) {
      const text = secret.reveal();
      if (text.length < shortest) continue;
      credentials.push(text);
      if (clients.has(hash('sha256', text, 'hex')))
        complaints.add(
          ['providers', name, field],
          'is also the key of a client, who would then hold the credential of the provider',
        );
    }
  }
  eachText(document.value, [], secretFields(vendors), (text, at) => {
    if (text.length < shortest) return;
    if (credentials.some((credential) => text.includes(credential)))
      complaints.add(at, 'holds the credential of a provider, and is shown in rows and metrics');
    else if (clients.has(hash('sha256', text, 'hex')))
      complaints.add(at, 'holds the key of a client, and is shown in rows and metrics');
  });
};
