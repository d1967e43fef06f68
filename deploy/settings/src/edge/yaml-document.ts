import { createHash } from 'node:crypto';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document as YamlDocument,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import {
  pointer,
  startComplaints,
  type Complaints,
  type ConfigProblem,
  type Document,
  type Path,
  type Spot,
} from '../document.ts';
import { substitute, type Variables } from '../substitute.ts';

/**
 * Values in one document with its aliases expanded: what a file of aliases of aliases runs into.
 * Enough for 30,000 keys.
 */
const mostValues = 250_000;
const deepest = 32;

interface Reading {
  readonly yaml: YamlDocument;
  readonly variables: Variables;
  readonly spotAt: (offset: number) => Spot;
  readonly keys: Map<string, Spot>;
  readonly values: Map<string, Spot>;
  readonly numbers: Map<string, string>;
  readonly substituted: Map<string, 'environment' | 'mixed'>;
  readonly complaints: Complaints;
  readonly anchors: Map<Alias, Node>;
  readonly budget: { values: number };
}

const readScalar = ({ value, source }: Scalar, path: Path, reading: Reading): unknown => {
  const at = pointer(path);
  // A key of its own replaces a merged one, so what was noted about that is forgotten.
  reading.numbers.delete(at);
  reading.substituted.delete(at);
  if (typeof value === 'number') reading.numbers.set(at, source ?? String(value));
  if (typeof value !== 'string') return value;
  const { text, from, problems } = substitute(value, reading.variables);
  if (from !== 'file') reading.substituted.set(at, from);
  if (problems.length > 0) reading.complaints.add(path, problems.join('; '));
  return problems.length > 0 ? '' : text;
};

const keyText = (key: unknown): string | null => {
  if (!isScalar(key)) return null;
  // `4:` and `true:` are the texts "4" and "true": a name is a name.
  return typeof key.value === 'string' ? key.value : (key.source ?? null);
};

/** What an alias stands for. Remembered, for the library searches the whole file each time. */
const anchored = (alias: Alias, { yaml, anchors }: Reading): Node | undefined => {
  const known = anchors.get(alias);
  if (known !== undefined) return known;
  const node = alias.resolve(yaml);
  if (node !== undefined) anchors.set(alias, node);
  return node;
};

/** The maps that `<<` names, the one that counts least first. */
const mergeSources = (value: unknown, reading: Reading): readonly unknown[] => {
  const node: unknown = isAlias(value) ? anchored(value, reading) : value;
  return isSeq(node) ? node.items.toReversed() : [value];
};

/** A map's entries, `<<` merges included: own keys win over merged ones, earlier merges over later ones. */
const readMap = (node: YAMLMap, path: Path, reading: Reading): Record<string, unknown> => {
  const entries = new Map<string, unknown>();
  const merges = node.items.filter(({ key }) => keyText(key) === '<<');
  for (const source of merges.flatMap(({ value }) => mergeSources(value, reading))) {
    const merged = read(source, path, reading);
    if (typeof merged !== 'object' || merged === null || Array.isArray(merged)) {
      reading.complaints.add(path, '<< must be followed by a map, or a list of maps');
      continue;
    }
    for (const [name, value] of Object.entries(merged)) entries.set(name, value);
  }
  for (const { key, value } of node.items) {
    const name = keyText(key);
    if (name === '<<') continue;
    if (name === null || name === '__proto__') {
      reading.complaints.add(path, 'a key must be plain text');
      continue;
    }
    const at = [...path, name];
    const offset = isScalar(key) ? key.range?.[0] : undefined;
    if (offset !== undefined) reading.keys.set(pointer(at), reading.spotAt(offset));
    entries.set(name, read(value, at, reading));
  }
  return Object.fromEntries(entries);
};

const read = (given: unknown, path: Path, reading: Reading): unknown => {
  if (!isNode(given)) return null;
  const offset = given.range?.[0];
  if (offset !== undefined) reading.values.set(pointer(path), reading.spotAt(offset));
  const node = isAlias(given) ? anchored(given, reading) : given;
  if (node === undefined || isAlias(node)) {
    reading.complaints.add(path, 'there is no anchor of this name before it');
    return null;
  }
  reading.budget.values -= 1;
  if (path.length > deepest || reading.budget.values < 0) {
    if (reading.budget.values >= -1)
      reading.complaints.add(
        path,
        path.length > deepest
          ? `the file is too deep: more than ${deepest} levels`
          : `the file is too large: more than ${mostValues} values, with its aliases`,
      );
    return null;
  }
  if (isScalar(node)) return readScalar(node, path, reading);
  if (isMap(node)) return readMap(node, path, reading);
  return node.items.map((item, i) => read(item, [...path, i], reading));
};

/**
 * Reads YAML 1.2 (anchors and `<<` merges included) into plain data that remembers where everything stood, and fills in
 * `${VAR}` inside text values; never in keys or comments. Problems: broken YAML, which leaves no document, and
 * variables that are not set. No message quotes the environment.
 */
export const yamlDocument = (
  text: string,
  file: string,
  variables: Variables,
): { readonly document: Document | null; readonly problems: readonly ConfigProblem[] } => {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const spotAt = (offset: number): Spot => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (yaml.errors.length > 0) {
    const problems = yaml.errors.map(({ code, message, pos }) => ({
      file,
      ...spotAt(pos[0]),
      path: '',
      message:
        code === 'DUPLICATE_KEY' ? 'this key stands here a second time' : `not YAML: ${message}`,
    }));
    return { document: null, problems };
  }
  const maps = {
    keys: new Map<string, Spot>(),
    values: new Map<string, Spot>(),
    numbers: new Map<string, string>(),
  };
  const substituted = new Map<string, 'environment' | 'mixed'>();
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const complaints = startComplaints({ file, hash, value: null, ...maps, substituted });
  const budget = { values: mostValues };
  const value = read(yaml.contents, [], {
    yaml,
    variables,
    spotAt,
    ...maps,
    substituted,
    complaints,
    anchors: new Map(),
    budget,
  });
  return { document: { file, hash, value, ...maps, substituted }, problems: complaints.all() };
};
