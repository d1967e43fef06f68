/** Names of columns for a statement, each in backticks: a name may have a dot in it, or be a word of SQL. */
export const columnList = (names: readonly string[]): string =>
  names.map((name) => `\`${name}\``).join(', ');
