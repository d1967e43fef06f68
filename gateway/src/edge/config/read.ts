import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { builtInConfig } from '../../config/built-in.ts';
import { check, type Checked, type Surroundings } from '../../config/check.ts';
import { secretFiles } from '../../config/check-secret.ts';
import type { ConfigProblem } from '../../config/config.ts';
import type { SecretFile } from '../../config/context.ts';
import type { Variables } from '../../config/substitute.ts';
import type { Provider } from '../../providers/provider.ts';
import { yamlDocument } from './yaml-document.ts';

const largestFile = 4 * 2 ** 20;
const largestSecret = 64 * 2 ** 10;

/** Where a configuration comes from. */
export interface ConfigSource {
  /** A YAML file; null: the built-in defaults. */
  readonly path: string | null;
  /** The environment: for `${VAR}`, credentials, and the keys and addresses of `npm start`. */
  readonly env: Variables;
  /** The vendors that `use:` may name. */
  readonly providers: ReadonlyMap<string, Provider>;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/** The text of a file, or why it cannot be read; the bound is checked before anything is read. */
const readText = async (path: string, largest: number): Promise<SecretFile> => {
  try {
    const { size } = await stat(path);
    if (size > largest) return { kind: 'unreadable', reason: `it has more than ${largest} bytes` };
    return { kind: 'text', text: await readFile(path, 'utf8') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { kind: 'unreadable', reason: reasons[code] ?? code };
  }
};

const surroundingsOf = (
  { env, providers }: ConfigSource,
  files: Surroundings['files'],
): Surroundings => ({
  providers,
  files,
  keys: { master: env['TOLLGATE_MASTER_KEY'] ?? '', demo: env['TOLLGATE_DEMO_KEY'] ?? '' },
  otlpEndpoint:
    (env['TOLLGATE_OTLP_ENDPOINT'] ?? '') === '' ? null : (env['TOLLGATE_OTLP_ENDPOINT'] ?? null),
});

/** A configuration and the files it was read from, absolute, so that somebody can watch them. */
export type ConfigRead = Checked & { readonly files: readonly string[] };

const bad = (problems: readonly ConfigProblem[], files: readonly string[]): ConfigRead => ({
  kind: 'bad',
  problems,
  files,
});

/**
 * Reads, fills in and checks a configuration. Everything wrong with it is reported at once; an unreadable file too is
 * a problem, not an exception. Secrets come from the environment or from files, and are never part of a message.
 */
export const readConfig = async (source: ConfigSource): Promise<ConfigRead> => {
  const { path, env } = source;
  if (path === null) return { ...builtInConfig(env, surroundingsOf(source, new Map())), files: [] };
  const watched = [resolve(path)];
  const file = await readText(path, largestFile);
  if (file.kind === 'unreadable') {
    const message = `cannot read the configuration: ${file.reason}`;
    return bad([{ file: path, line: 1, column: 1, path: '', message }], watched);
  }
  const { document, problems } = yamlDocument(file.text, path, env);
  if (document === null) return bad(problems, watched);

  const files = new Map<string, SecretFile>();
  for (const name of secretFiles(document.value)) {
    const at = resolve(dirname(path), name);
    watched.push(at);
    files.set(name, await readText(at, largestSecret));
  }
  const checked = check(document, surroundingsOf(source, files));
  if (problems.length === 0) return { ...checked, files: watched };
  // A variable that is not set leaves a value empty; that this is wrong too is no news.
  const said = new Set(problems.map((problem) => problem.path));
  const further =
    checked.kind === 'bad' ? checked.problems.filter((problem) => !said.has(problem.path)) : [];
  const all = [...problems, ...further].toSorted((a, b) => a.line - b.line || a.column - b.column);
  return bad(all, watched);
};
