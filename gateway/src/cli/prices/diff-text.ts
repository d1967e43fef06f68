/** A difference between two catalogues, for people. */
import type { CatalogueDiff, LineChange, ModelChange } from '../../prices/diff.ts';

const mostNames = 4;

const lineText = ({ line, old, new: now, percent, isLarge }: LineChange): string =>
  [
    `      ${line}  ${old ?? 'not listed'} -> ${now ?? 'not listed'}`,
    ...(percent === '' ? [] : [`(${percent})`]),
    ...(isLarge ? ['LARGE'] : []),
  ].join('  ');

const changeText = ({ vendor, names, lines }: ModelChange): string => {
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  const head = `  ~ ${vendor}/${names.slice(0, mostNames).join(', ')}${more}`;
  return [head, ...lines.map(lineText)].join('\n');
};

/** `12 models added, 3 gone, 5 changed, 1 line by more than 5 times`. */
export const diffSummary = ({ added, gone, changed, large }: CatalogueDiff): string => {
  const models = changed.reduce((sum, { names }) => sum + names.length, 0);
  return `${added.length} models added, ${gone.length} gone, ${models} changed, ${large} lines by more than 5 times`;
};

/** All of it, a line for each model and each of its changed prices. */
export const diffText = (diff: CatalogueDiff): string =>
  [
    ...diff.added.map((name) => `  + ${name}`),
    ...diff.gone.map((name) => `  - ${name}`),
    ...diff.changed.map(changeText),
    diffSummary(diff),
  ].join('\n');
