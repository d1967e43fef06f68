/** Where something stands in a file. Both start at 1. */
export interface Spot {
  readonly line: number;
  readonly column: number;
}

/** One complaint about a configuration file. Lines and columns start at 1. */
export interface ConfigProblem extends Spot {
  readonly file: string;
  readonly path: string;
  readonly message: string;
}

export type Path = readonly (string | number)[];

/** A parsed configuration file: plain data, and beside it what plain data forgets. Keys of the maps are `pointer`s. */
export interface Document {
  /** As the user named it; shown in problems. */
  readonly file: string;
  /** SHA-256 of its text, first 12 hex digits. */
  readonly hash: string;
  readonly value: unknown;
  readonly keys: ReadonlyMap<string, Spot>;
  readonly values: ReadonlyMap<string, Spot>;
  /** Numbers as they were written: floats never touch money. */
  readonly numbers: ReadonlyMap<string, string>;
  /** Values that `${VAR}` made: `environment` when nothing of them was written in the file itself. */
  readonly substituted: ReadonlyMap<string, 'environment' | 'mixed'>;
}

/** A document that stands in no file: its `name` is shown instead. */
export const madeDocument = (
  name: string,
  value: unknown,
  substituted: Document['substituted'] = new Map(),
): Document => ({
  file: name,
  hash: name,
  value,
  keys: new Map(),
  values: new Map(),
  numbers: new Map(),
  substituted,
});

/** A JSON pointer (RFC 6901). */
export const pointer = (path: Path): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The same for people: `keys[1].team`, `models["gpt-4.1"]`. */
export const shown = (path: Path): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[\w*-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');

/** Collects complaints about one document, at most one for each place. */
export interface Complaints {
  /** `on` chooses what the position points at: the value (default), or the key before it. */
  add(path: Path, message: string, on?: 'key' | 'value'): void;
  count(): number;
  /** Whether something at `path` or inside it has been complained about. */
  under(path: Path): boolean;
  /** Everything so far, in the order of the file. */
  all(): readonly ConfigProblem[];
}

const top: Spot = { line: 1, column: 1 };

/** Starts an empty list of complaints about `document`. */
export const startComplaints = (document: Document): Complaints => {
  const problems: ConfigProblem[] = [];
  const said = new Set<string>();
  const spot = (path: Path, on: 'key' | 'value'): Spot => {
    for (let length = path.length; length >= 0; length--) {
      const at = pointer(path.slice(0, length));
      // What is missing has no place: its nearest parent has, and people look for that by its key.
      const exact = length === path.length && on === 'value';
      const found = exact ? document.values.get(at) : document.keys.get(at);
      if (found !== undefined) return found;
      const other = document.values.get(at) ?? document.keys.get(at);
      if (other !== undefined) return other;
    }
    return top;
  };
  return {
    add: (path, message, on = 'value') => {
      // One mistake is one problem: what is said first is nearest to the cause.
      if (said.has(pointer(path))) return;
      said.add(pointer(path));
      problems.push({ file: document.file, ...spot(path, on), path: shown(path), message });
    },
    count: () => problems.length,
    under: (path) => {
      const at = pointer(path);
      return [...said].some((one) => one === at || one.startsWith(`${at}/`));
    },
    all: () => problems.toSorted((a, b) => a.line - b.line || a.column - b.column),
  };
};

/** One line for a terminal: `tollgate.yaml:7:17: keys[1].team: must be text, not 42`. */
export const problemText = ({ file, line, column, path, message }: ConfigProblem): string =>
  `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
