/** Reads a configuration file and the files it names, in bounded time, whatever they turn out to be. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { dirname, resolve } from 'node:path';
import type { Checked } from '../checked.ts';
import type { SecretFile } from '../context.ts';
import type { ConfigProblem, Document } from '../document.ts';
import { secretFiles, type SecretFiles } from '../read-secret.ts';
import type { Variables } from '../substitute.ts';
import { yamlDocument } from './yaml-document.ts';

const largestFile = 4 * 2 ** 20;
const largestSecret = 64 * 2 ** 10;

/** A configuration file, and what makes a configuration of it. */
export interface Source<T> {
  /** As the user named it. */
  readonly path: string;
  /** For `${VAR}`. */
  readonly variables: Variables;
  /** What credentials are called, for which `{ file: PATH }` may stand. */
  readonly secretFields: ReadonlySet<string>;
  /** What else a document names that is read and followed with it: paths as they are written, and how many bytes at most. */
  otherFiles?(value: unknown): ReadonlyMap<string, number>;
  /** `files`: secret files and others, by their paths as they are written. */
  check(document: Document, files: SecretFiles): Checked<T>;
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
export const readText = async (path: string, largest: number): Promise<SecretFile> => {
  const late = sleep(fileMs, unreadable(`it did not answer within ${fileMs} ms`), { ref: false });
  const read = readRegular(path, largest).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return unreadable(reasons[code] ?? code);
  });
  return Promise.race([read, late]);
};

/** What a configuration was read from. */
export interface Sources {
  /** Absolute paths: the file, and the files it names. */
  readonly files: readonly string[];
  /** How many bytes of each are read at most. */
  readonly largest: ReadonlyMap<string, number>;
  /** Changes when the content of one of them does, or whether it can be read. */
  readonly fingerprint: string;
}

export type Read<T> = Checked<T> & { readonly sources: Sources };

/** A file that was read, and of how many bytes at most. */
interface Taken {
  readonly file: SecretFile;
  readonly largest: number;
}

const sourcesOf = (taken: ReadonlyMap<string, Taken>): Sources => {
  const hash = createHash('sha256');
  for (const [path, { file }] of taken) {
    const text = file.kind === 'text' ? file.text : file.reason;
    // The length keeps what follows apart; the text itself may be megabytes and is not quoted for that.
    hash.update(JSON.stringify([path, file.kind, text.length]));
    hash.update(text);
  }
  return {
    files: [...taken.keys()],
    largest: new Map([...taken].map(([path, { largest }]) => [path, largest])),
    fingerprint: hash.digest('hex'),
  };
};

const take = async (path: string, largest: number): Promise<Taken> => ({
  file: await readText(path, largest),
  largest,
});

/** Of a configuration that was read from no file. */
export const noSources: Sources = sourcesOf(new Map());

/** The fingerprint that the files of a configuration have now, without reading them as one. */
export const currentFingerprint = async ({ largest }: Sources): Promise<string> => {
  const taken = new Map<string, Taken>();
  for (const [path, bytes] of largest) taken.set(path, await take(path, bytes));
  return sourcesOf(taken).fingerprint;
};

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
export const readSettings = async <T>(source: Source<T>): Promise<Read<T>> => {
  const { path, variables } = source;
  const main = resolve(path);
  const configuration = await take(main, largestFile);
  const taken = new Map([[main, configuration]]);
  const bad = (problems: readonly ConfigProblem[]): Read<T> => ({
    kind: 'bad',
    problems,
    sources: sourcesOf(taken),
  });
  const { file } = configuration;
  if (file.kind !== 'text') {
    const message = `cannot read the configuration: ${file.reason}`;
    return bad([{ file: path, line: 1, column: 1, path: '', message }]);
  }
  const { document, problems } = yamlDocument(file.text, path, variables);
  if (document === null) return bad(problems);

  const files = new Map<string, SecretFile>();
  const named = [
    ...secretFiles(document.value, source.secretFields).map(
      (name) => [name, largestSecret] as const,
    ),
    ...(source.otherFiles?.(document.value) ?? []),
  ];
  for (const [name, largest] of named) {
    const at = resolve(dirname(path), name);
    const one = taken.get(at) ?? (await take(at, largest));
    taken.set(at, one);
    files.set(name, one.file);
  }
  const checked = source.check(document, files);
  if (problems.length > 0)
    return bad(merged(problems, checked.kind === 'bad' ? checked.problems : []));
  return { ...checked, sources: sourcesOf(taken) };
};
