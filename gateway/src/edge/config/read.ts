import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
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
};

const unreadable = (reason: string): SecretFile => ({ kind: 'unreadable', reason });
/** A file system may be away; whoever waits for it must not wait for ever. */
const fileMs = 10_000;

const irregular = (stats: Stats): SecretFile | null =>
  stats.isFile()
    ? null
    : unreadable(stats.isDirectory() ? 'it is a directory' : 'it is not a regular file');

/** Never waits for a writer, as reading a FIFO does, and never takes much more than `largest` bytes. */
const readRegular = async (path: string, largest: number): Promise<SecretFile> => {
  // Opening a device may do something; so it is not even opened.
  const unopened = irregular(await stat(path));
  if (unopened !== null) return unopened;
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Another file may have taken its place since.
    const stats = await file.stat();
    const other = irregular(stats);
    if (other !== null) return other;
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= largest) {
      // What a file says of its size need not be so: those of /proc say 0.
      const chunk = Buffer.allocUnsafe(Math.min(largest, Math.max(stats.size - length, 4096)) + 1);
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return { kind: 'text', text: Buffer.concat(chunks).toString('utf8') };
      chunks.push(chunk.subarray(0, bytesRead));
      length += bytesRead;
    }
    return unreadable(`it has more than ${largest} bytes`);
  } finally {
    await file.close();
  }
};

/** The text of a file, or why it cannot be read. Answers in bounded time. */
const readText = async (path: string, largest: number): Promise<SecretFile> => {
  const late = sleep(fileMs, unreadable(`it did not answer within ${fileMs} ms`), { ref: false });
  const read = readRegular(path, largest).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return unreadable(reasons[code] ?? code);
  });
  return Promise.race([read, late]);
};

const surroundingsOf = (
  { env, providers }: ConfigSource,
  files: Surroundings['files'],
): Surroundings => ({
  providers,
  files,
  keys: {
    master: env['TOLLGATE_MASTER_KEY'] ?? '',
    demo: env['TOLLGATE_DEMO_KEY'] ?? '',
    caller: env['TOLLGATE_CALLER_KEY'] ?? '',
  },
  otlpEndpoint:
    (env['TOLLGATE_OTLP_ENDPOINT'] ?? '') === '' ? null : (env['TOLLGATE_OTLP_ENDPOINT'] ?? null),
});

/** What a configuration was read from. */
export interface Sources {
  /** Absolute paths: the file, and the secret files it names. */
  readonly files: readonly string[];
  /** Changes when the content of one of them does, or whether it can be read. */
  readonly fingerprint: string;
}

export type ConfigRead = Checked & { readonly sources: Sources };

const sourcesOf = (texts: ReadonlyMap<string, SecretFile>): Sources => {
  const hash = createHash('sha256');
  for (const [path, file] of texts) {
    hash.update(JSON.stringify([path, file.kind, file.kind === 'text' ? file.text : file.reason]));
  }
  return { files: [...texts.keys()], fingerprint: hash.digest('hex') };
};

const readFiles = async (paths: readonly string[]): Promise<ReadonlyMap<string, SecretFile>> => {
  const texts = new Map<string, SecretFile>();
  for (const [i, path] of paths.entries()) {
    texts.set(path, await readText(path, i === 0 ? largestFile : largestSecret));
  }
  return texts;
};

/** The fingerprint that the files of a configuration have now, without reading them as one. */
export const currentFingerprint = async ({ files }: Sources): Promise<string> =>
  sourcesOf(await readFiles(files)).fingerprint;

/** Two lists of problems as one. A variable that is not set leaves a value empty; that this is wrong too is no news. */
const merged = (first: readonly ConfigProblem[], then: readonly ConfigProblem[]) => {
  const said = new Set(first.map(({ path }) => path));
  const further = then.filter(({ path }) => !said.has(path));
  return [...first, ...further].toSorted((a, b) => a.line - b.line || a.column - b.column);
};

/**
 * Reads, fills in and checks a configuration. Everything wrong with it is reported at once; an unreadable file too is
 * a problem, not an exception. Secrets come from the environment or from files, and are never part of a message.
 */
export const readConfig = async (source: ConfigSource): Promise<ConfigRead> => {
  const { path, env } = source;
  if (path === null) {
    const checked = builtInConfig(env, surroundingsOf(source, new Map()));
    return { ...checked, sources: sourcesOf(new Map()) };
  }
  const main = resolve(path);
  const texts = new Map(await readFiles([main]));
  const bad = (problems: readonly ConfigProblem[]): ConfigRead => ({
    kind: 'bad',
    problems,
    sources: sourcesOf(texts),
  });
  const file = texts.get(main);
  if (file?.kind !== 'text') {
    const message = `cannot read the configuration: ${file?.reason}`;
    return bad([{ file: path, line: 1, column: 1, path: '', message }]);
  }
  const { document, problems } = yamlDocument(file.text, path, env);
  if (document === null) return bad(problems);

  const files = new Map<string, SecretFile>();
  for (const name of secretFiles(document.value)) {
    const at = resolve(dirname(path), name);
    const text = texts.get(at) ?? (await readText(at, largestSecret));
    texts.set(at, text);
    files.set(name, text);
  }
  const checked = check(document, surroundingsOf(source, files));
  if (problems.length > 0)
    return bad(merged(problems, checked.kind === 'bad' ? checked.problems : []));
  return { ...checked, sources: sourcesOf(texts) };
};
