import type { TObject } from 'typebox';
import { isMap, type Context } from './context.ts';
import { decoded, type Decoded } from './decode.ts';
import { hint } from './nearest.ts';
import { found } from './shape.ts';

export type Root = Readonly<Record<string, unknown>>;

/**
 * The map that a whole document is; null when it is none, which has been said, as have been the keys that are not in
 * `known`. An empty document is an empty map.
 * @param such what the map has, in words: `members, receive, send ...`
 */
export const rootOf = (
  known: readonly string[],
  such: string,
  { document, complaints }: Context,
): Root | null => {
  const value = document.value ?? {};
  if (!isMap(value)) {
    complaints.add([], `must be a map with ${such}, not ${found(value, [], document)}`);
    return null;
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      complaints.add([key], `unknown key '${key}'${hint(key, known)}`, 'key');
  }
  return value;
};

/** Every section of a document, decoded. `limits:` with nothing below it, or all of it commented out, means "all defaults". */
export const readSections = <S extends TObject>(
  whole: S,
  root: Root,
  context: Context,
): Decoded<S> | null =>
  decoded(
    whole,
    Object.fromEntries(Object.keys(whole.properties).map((name) => [name, root[name] ?? {}])),
    [],
    context,
  );
