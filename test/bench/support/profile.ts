/** Reads a V8 CPU profile: where a process spent its time, by package, by function, and below each of our functions. */
import { readFileSync } from 'node:fs';
import { isRecord } from './wire.ts';

interface Node {
  readonly id: number;
  /** `package function`, the same for the same function everywhere in the tree. */
  readonly label: string;
  readonly where: string;
  readonly children: readonly number[];
}

/** Shares are of the time the process was not idle. */
export interface Cost {
  readonly name: string;
  readonly share: number;
}

export interface Profile {
  readonly packages: readonly Cost[];
  readonly functions: readonly Cost[];
  /** Time in and below a function of the gateway: what leaving it out would save at most. */
  readonly below: readonly Cost[];
}

/** The package, room or part of Node that a file belongs to. */
const placeOf = (url: string, name: string): string => {
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (inPackage !== undefined) return inPackage;
  const ours = /\/(gateway\/src\/.*)$/.exec(url)?.[1];
  if (ours !== undefined) return ours;
  if (url.startsWith('node:')) return url;
  return name === '(garbage collector)' ? 'gc' : 'native';
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const nodeOf = (value: unknown): Node => {
  const node = isRecord(value) ? value : {};
  const frame = isRecord(node['callFrame']) ? node['callFrame'] : {};
  const name = textOf(frame['functionName']) || '(anonymous)';
  const where = placeOf(textOf(frame['url']), name);
  const line = Number(frame['lineNumber'] ?? 0) + 1;
  return {
    id: Number(node['id']),
    where,
    label: where === 'native' || where === 'gc' ? name : `${name} ${where}:${line}`,
    children: list(node['children']).map(Number),
  };
};

const sorted = (costs: ReadonlyMap<string, number>, total: number, most: number): readonly Cost[] =>
  [...costs]
    .map(([name, time]) => ({ name, share: time / total }))
    .toSorted((a, b) => b.share - a.share)
    .slice(0, most);

const group = (where: string): string =>
  where.startsWith('gateway/src/')
    ? where.replace(/^gateway\/src\/((?:edge\/)?[^/]+).*/, 'gateway $1')
    : where;

/** Reads a `.cpuprofile` file. */
export const readProfile = (path: string, most = 30): Profile => {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const profile = isRecord(value) ? value : {};
  const nodes = new Map(list(profile['nodes']).map((one) => [nodeOf(one).id, nodeOf(one)]));
  const selfTime = new Map<number, number>();
  const deltas = list(profile['timeDeltas']).map(Number);
  for (const [i, sample] of list(profile['samples']).map(Number).entries()) {
    selfTime.set(sample, (selfTime.get(sample) ?? 0) + Math.max(0, deltas[i] ?? 0));
  }
  const packages = new Map<string, number>();
  const functions = new Map<string, number>();
  const below = new Map<string, number>();
  let total = 0;
  const add = (into: Map<string, number>, key: string, time: number): void => {
    into.set(key, (into.get(key) ?? 0) + time);
  };
  const children = new Set([...nodes.values()].flatMap((node) => node.children));
  const walk = (node: Node, above: ReadonlySet<string>): void => {
    const time = node.label === '(idle)' ? 0 : (selfTime.get(node.id) ?? 0);
    total += time;
    add(packages, group(node.where), time);
    add(functions, node.label, time);
    const path =
      node.where.startsWith('gateway/') || node.where.startsWith('@')
        ? new Set([...above, node.label])
        : above;
    for (const label of path) add(below, label, time);
    for (const id of node.children) {
      const child = nodes.get(id);
      if (child !== undefined) walk(child, path);
    }
  };
  for (const node of nodes.values()) if (!children.has(node.id)) walk(node, new Set());
  return {
    packages: sorted(packages, total, most),
    functions: sorted(functions, total, most * 2),
    below: sorted(below, total, most * 2),
  };
};
