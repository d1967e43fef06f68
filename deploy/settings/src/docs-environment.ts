import { cell } from './docs-table.ts';

/** One variable of the environment, for the reference. */
export interface Variable {
  /** The default, in words. */
  readonly by: string;
  readonly about: string;
}

/** A table of variables in Markdown. */
export const environmentTable = (variables: Readonly<Record<string, Variable>>): string =>
  [
    '| variable | default | what it is |',
    '| --- | --- | --- |',
    ...Object.entries(variables).map(
      ([name, { by, about }]) => `| \`${name}\` | ${cell(by)} | ${cell(about)} |`,
    ),
  ].join('\n');
