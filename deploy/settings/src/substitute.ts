/** Environment variables by name, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly text: string;
  /** Whether the file or the environment wrote it; `mixed`: both. */
  readonly from: 'file' | 'environment' | 'mixed';
  /** Complaints, one each; the text is then of no use. */
  readonly problems: readonly string[];
}

const reference = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Fills in `${VAR}` and `${VAR:-default}` (the default also stands in for an empty variable, as in a shell).
 * `$${` is a literal `${`. A variable that is not set, and has no default, is a problem.
 */
export const substitute = (text: string, variables: Variables): Substituted => {
  const problems: string[] = [];
  let fromFile = text.replace(/\$\$\{|\$\{[^}]*\}/g, '') !== '';
  let fromEnvironment = false;
  const filled = text.replace(/\$(?:\$\{|\{([^}]*)\}|\{)/g, (whole, inner: string | undefined) => {
    if (whole === '$${') {
      fromFile = true;
      return '${';
    }
    const [, name, fallback] = (inner === undefined ? null : reference.exec(inner)) ?? [];
    if (name === undefined) {
      problems.push(
        'a ${ must begin ${VARIABLE} or ${VARIABLE:-default}; write $${ for a literal ${',
      );
      return '';
    }
    const value = variables[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) {
      fromEnvironment = true;
      return value;
    }
    if (fallback === undefined) {
      problems.push(
        `environment variable ${name} is not set; set it, or write \${${name}:-default}`,
      );
      return '';
    }
    if (fallback === '') fromEnvironment = true;
    else fromFile = true;
    return fallback;
  });
  const from = fromEnvironment ? (fromFile ? 'mixed' : 'environment') : 'file';
  return { text: filled, from, problems };
};
