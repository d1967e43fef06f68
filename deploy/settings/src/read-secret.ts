import { isMap, type Context, type SecretFile } from './context.ts';
import { pointer, type Path } from './document.ts';
import { secret, type Secret } from './secret.ts';

/** The paths of all `{ file: PATH }` credentials in a document's value, for the edge to read; `fields`: what they are called. */
export const secretFiles = (value: unknown, fields: ReadonlySet<string>): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap((inner) => secretFiles(inner, fields));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    fields.has(name) && isMap(inner) && typeof inner['file'] === 'string'
      ? [inner['file']]
      : secretFiles(inner, fields),
  );
};

/** By the path as it is written in the document. */
export type SecretFiles = ReadonlyMap<string, SecretFile>;

/** Where a credential comes from, as it is written. */
export type SecretSource = string | { readonly file: string };

/** What an HTTP header can carry without being quoted or folded. */
const sendable = /^[\x21-\x7e]+$/;

/**
 * The credential at `path`, of an already shaped field. `absent`: none is given, or an empty one;
 * `bad`: something was wrong with it, and has been said.
 */
export const readSecret = (
  source: SecretSource | undefined,
  path: Path,
  instead: string,
  { document, complaints, files }: Context & { readonly files: SecretFiles },
): { kind: 'secret'; secret: Secret } | { kind: 'absent' } | { kind: 'bad' } => {
  const bad = (message: string, at = path) => {
    complaints.add(at, message);
    return { kind: 'bad' } as const;
  };
  if (source === undefined) return { kind: 'absent' };
  let text: string;
  if (typeof source === 'string') {
    if (source !== '' && document.substituted.get(pointer(path)) !== 'environment') {
      return bad(`a secret must not be written into this file; ${instead}`);
    }
    text = source;
  } else {
    const file = files.get(source.file);
    if (file?.kind !== 'text') {
      return bad(`cannot read the secret's file: ${file?.reason ?? 'it was not read'}`, [
        ...path,
        'file',
      ]);
    }
    text = file.text.trim();
    if (text === '') return bad("the secret's file is empty", [...path, 'file']);
  }
  if (text === '') return { kind: 'absent' };
  if (!sendable.test(text)) {
    return bad(
      'the secret holds a space, a line break or another character that an HTTP header cannot carry',
    );
  }
  return { kind: 'secret', secret: secret(text) };
};
