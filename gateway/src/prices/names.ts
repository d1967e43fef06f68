/** Which names a price list says in full. */
import { fit } from './match.ts';
import type { Model, NameMatch } from './sheet.ts';

const literals = (match: NameMatch): readonly string[] => {
  if ('or' in match) return match.or.flatMap(literals);
  return 'equals' in match ? [match.equals] : [];
};

/** The names that an entry lists in full, and the one that it is called by. */
export const namesOf = ({ id, match }: Model): readonly string[] => [
  ...new Set([...literals(match), id.slice(id.indexOf('/') + 1).replace(/\*$/, '')]),
];

/** Whether an own price for `model`, which may end in `*`, may come to lie over an entry; rather too often than not. */
export const mayLieOver = (model: string, match: NameMatch): boolean => {
  const isPattern = model.endsWith('*');
  const start = (isPattern ? model.slice(0, -1) : model).toLowerCase();
  if ('or' in match) return match.or.some((one) => mayLieOver(model, one));
  if ('and' in match) return match.and.every((one) => mayLieOver(model, one));
  // What a provider answers with is mostly the name asked for, with a date behind it.
  if ('equals' in match) return match.equals.startsWith(start);
  if ('starts_with' in match)
    return match.starts_with.startsWith(start) || start.startsWith(match.starts_with);
  if (isPattern) return true;
  return fit(match, start) !== null || ('contains' in match && match.contains.includes(start));
};

const sharedStart = (a: string, b: string): number => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
};

/** Of the names in some lists those that begin most like `name`, the most alike first. */
export const nearNames = (
  lists: readonly (readonly Model[])[],
  name: string,
  most: number,
): readonly string[] => {
  const asked = name.toLowerCase();
  return [...new Set(lists.flat().flatMap(namesOf))]
    .map((known) => ({ known, shared: sharedStart(known, asked) }))
    .filter(({ shared }) => shared > 2)
    .toSorted((a, b) => b.shared - a.shared || a.known.length - b.known.length)
    .slice(0, most)
    .map(({ known }) => known);
};
