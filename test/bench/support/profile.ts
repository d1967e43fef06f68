/** Reads what profiler.ts wrote: where a process spent its time, and where it allocated, by package and by function. */
import { readFileSync } from 'node:fs';
import { isRecord } from './wire.ts';

interface Node {
  readonly id: number;
  /** Bytes, in a profile of allocations. */
  readonly selfSize: number;
  /** `package function`, the same for the same function everywhere in the tree. */
  readonly label: string;
  readonly where: string;
  readonly children: readonly unknown[];
}

/** Shares are of the time the process was not idle and not busy with being profiled, or of all bytes allocated. */
export interface Cost {
  readonly name: string;
  readonly share: number;
}

export interface Profile {
  readonly packages: readonly Cost[];
  readonly functions: readonly Cost[];
  /** Time in and below a function of the gateway: what leaving it out would save at most. */
  readonly below: readonly Cost[];
  /** Bytes allocated in and below it. */
  readonly allocatedBelow: readonly Cost[];
  readonly allocated: readonly Cost[];
  readonly allocatedBytes: number;
  /** Of the time the process was not idle: what went into profiling it. In no list. */
  readonly inspectorShare: number;
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

/** Where the profiler itself runs, in the process that it profiles. */
const inspector = /^node:(?:internal\/)?inspector/;

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
    selfSize: Number(node['selfSize'] ?? 0),
    where,
    label: where === 'native' || where === 'gc' ? name : `${name} ${where}:${line}`,
    children: list(node['children']),
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

interface Totals {
  readonly packages: Map<string, number>;
  readonly functions: Map<string, number>;
  readonly below: Map<string, number>;
  total: number;
  /** In and below the inspector; not in `total`. */
  inspected: number;
}
const noTotals = (): Totals => ({
  packages: new Map(),
  functions: new Map(),
  below: new Map(),
  total: 0,
  inspected: 0,
});

const isShownBelow = ({ where }: Node): boolean => /^(gateway\/|@|pino|undici|fastify)/.test(where);

const add = (into: Map<string, number>, key: string, amount: number): void => {
  into.set(key, (into.get(key) ?? 0) + amount);
};

/** Sums up a tree by package, by function, and below each of our functions; `selfOf` says what a node itself has. */
const walk = (
  totals: Totals,
  node: Node,
  above: ReadonlySet<string>,
  on: { selfOf(node: Node): number; childOf(child: unknown): Node | undefined },
): void => {
  const self = on.selfOf(node);
  const childrenOf = () =>
    node.children.map((child) => on.childOf(child)).filter((child) => child !== undefined);
  if (inspector.test(node.where)) {
    totals.inspected += self;
    // What it calls is its doing too.
    for (const child of childrenOf()) {
      walk(totals, { ...child, where: node.where }, above, on);
    }
    return;
  }
  totals.total += self;
  add(totals.packages, group(node.where), self);
  add(totals.functions, node.label, self);
  const path = isShownBelow(node) ? new Set([...above, node.label]) : above;
  for (const label of path) add(totals.below, label, self);
  for (const child of childrenOf()) walk(totals, child, path, on);
};

const cpuTotals = (profile: Readonly<Record<string, unknown>>): Totals => {
  const nodes = new Map(
    list(profile['nodes'])
      .map(nodeOf)
      .map((node) => [node.id, node] as const),
  );
  const time = new Map<number, number>();
  const deltas = list(profile['timeDeltas']).map(Number);
  for (const [i, sample] of list(profile['samples']).map(Number).entries()) {
    time.set(sample, (time.get(sample) ?? 0) + Math.max(0, deltas[i] ?? 0));
  }
  const totals = noTotals();
  const children = new Set([...nodes.values()].flatMap((node) => node.children.map(Number)));
  for (const node of nodes.values()) {
    if (children.has(node.id)) continue;
    walk(totals, node, new Set(), {
      selfOf: ({ id, label }) => (label === '(idle)' ? 0 : (time.get(id) ?? 0)),
      childOf: (child) => nodes.get(Number(child)),
    });
  }
  return totals;
};

const memoryTotals = (profile: Readonly<Record<string, unknown>>): Totals => {
  const totals = noTotals();
  walk(totals, nodeOf(profile['head']), new Set(), {
    selfOf: ({ selfSize }) => selfSize,
    childOf: nodeOf,
  });
  return totals;
};

/** Reads a file of profiler.ts; lists are cut at `most`. */
export const readProfile = (path: string, most = 30): Profile => {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const both = isRecord(value) ? value : {};
  const cpu = cpuTotals(isRecord(both['cpu']) ? both['cpu'] : {});
  const memory = memoryTotals(isRecord(both['memory']) ? both['memory'] : {});
  return {
    packages: sorted(cpu.packages, cpu.total, most),
    functions: sorted(cpu.functions, cpu.total, most * 2),
    below: sorted(cpu.below, cpu.total, most * 2),
    allocated: sorted(memory.functions, memory.total, most * 2),
    allocatedBelow: sorted(memory.below, memory.total, most * 2),
    allocatedBytes: memory.total,
    inspectorShare: cpu.inspected / (cpu.total + cpu.inspected),
  };
};
