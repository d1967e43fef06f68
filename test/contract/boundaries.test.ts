/** Who may know whom. A boundary that is not checked here is none. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { expect, test } from 'vitest';

/** Where an import starts or ends. */
interface Place {
  /** `gateway`, `trace-router`, `dashboards`, `deploy`, one of `packages`; `npm` for what others made and for node:*. */
  readonly room: string;
  /** The folder or file below `src/`. */
  readonly part: string;
  readonly path: string;
}

/** Folders of `deploy/` that every room may use, as `@tollgate/<name>/file.ts`; what of them does I/O stands in `src/edge/`. */
const packages = ['clickhouse', 'listener', 'settings'];

const place = (path: string): Place => {
  const [, folder = 'npm', part = ''] = /^(.+?)\/src\/([^/]+)/.exec(path) ?? [];
  // All else of `deploy/` is one room, scripts without a `src/` too.
  const [, inDeploy] = /^deploy\/([^/]+)/.exec(path) ?? [];
  const room = inDeploy === undefined ? folder : packages.includes(inDeploy) ? inDeploy : 'deploy';
  return { room, part, path };
};

// oxfmt-ignore
const core = [
  'contract', 'model', 'config', 'decide', 'dialects', 'translate', 'providers', 'guardrails', 'policies', 'prices',
  'projections', 'demo', 'docs', 'flow', 'otlp', 'bills', 'control',
];
const isCore = ({ room, part }: Place): boolean =>
  packages.includes(room) ? part !== 'edge' && part !== '' : core.includes(part);
const plugins = ['dialects', 'providers', 'guardrails', 'policies'];
// Libraries without I/O that the core may use: hashing, checksums, schemas, framing, counting.
const pure = /^(node:crypto|node:zlib|hashring|typebox(\/.*)?|eventsource-parser|tokenx)$/;
/** What plug-ins of one kind share; everything else of a plug-in is its own. */
const shared =
  /\/(provider|guardrail|policy|dialect|framing|aws-event-stream|signature-v4|content|counts|effort|errors|fields|gather)\.ts$/;
/** One plug-in made of another, and said so. */
const derived = new Set([
  'gateway/src/dialects/bedrock.ts -> gateway/src/dialects/anthropic.ts',
  'gateway/src/providers/openai.ts -> gateway/src/dialects/openai/address.ts',
]);
/** The plug-in that a file belongs to: `dialects/openai/check.ts` and `dialects/openai.ts` are one. */
const pluginOf = ({ path }: Place): string =>
  /\/src\/[^/]+\/([^/]+?)(?:\.ts|\/.*)$/.exec(path)?.[1] ?? '';

/** Which rooms of the gateway's edge may know which others. Files right below `edge/` put rooms together. */
const edgeRooms: Readonly<Record<string, readonly string[]>> = {
  bills: [],
  bodies: [],
  budgets: ['ledger/observer.ts', 'telemetry'],
  config: [],
  control: [],
  demo: [],
  http: ['bodies', 'budgets', 'control', 'ledger', 'telemetry', 'upstream'],
  ledger: [],
  prices: [],
  telemetry: ['ledger'],
  tokens: ['upstream/keeper.ts'],
  upstream: [],
  workers: ['config', 'ledger', 'telemetry'],
};
/** Files below `edge/` that know no room: anyone may use them. */
const tools = ['ids.ts', 'turn.ts', 'runtime.ts'];
const edgeRoomOf = ({ room, path }: Place): string | null =>
  room === 'gateway' ? (/\/edge\/([^/]+)\//.exec(path)?.[1] ?? null) : null;
const belowEdge = ({ path }: Place): string => path.replace(/^.*\/edge\//, '');

/** Each row says what is forbidden. */
const rules: Record<string, (from: Place, to: Place) => boolean> = {
  'contracts import nothing': (from, to) => from.part === 'contract' && to.part !== 'contract',
  'rooms meet only at contracts': (from, to) =>
    ![from.room, 'npm', ...packages].includes(to.room) && to.part !== 'contract',
  'services talk by wire': (from, to) =>
    ['gateway', 'trace-router'].includes(from.room) &&
    ![from.room, 'npm', ...packages].includes(to.room),
  'a package knows no room and no other package': (from, to) =>
    packages.includes(from.room) && ![from.room, 'npm'].includes(to.room),
  'the core does no I/O': (from, to) => isCore(from) && to.room === 'npm' && !pure.test(to.path),
  'the core knows no edge': (from, to) =>
    isCore(from) && ['edge', 'cli', 'main.ts'].includes(to.part),
  'the story names no vendor': (from, to) =>
    ['model', 'decide', 'projections', 'flow'].includes(from.part) &&
    [...plugins, 'translate', 'demo'].includes(to.part),
  'what is decided does not depend on how it is written down': (from, to) =>
    from.room === 'trace-router' &&
    ['model', 'decide', 'policies', 'flow', 'config'].includes(from.part) &&
    to.part === 'otlp',
  'plug-ins are strangers': (from, to) =>
    plugins.includes(from.part) &&
    from.part === to.part &&
    pluginOf(from) !== pluginOf(to) &&
    !from.path.endsWith('/registry.ts') &&
    !shared.test(to.path) &&
    !derived.has(`${from.path} -> ${to.path}`),
  'rooms of the edge keep to themselves': (from, to) => {
    const [mine, theirs] = [edgeRoomOf(from), edgeRoomOf(to)];
    if (mine === null || to.part !== 'edge' || mine === theirs || from.room !== to.room)
      return false;
    if (theirs === null) return !tools.includes(belowEdge(to));
    const known = edgeRooms[mine] ?? [];
    return !known.includes(theirs) && !known.includes(belowEdge(to));
  },
};

/** The rules that an import breaks. */
const brokenBy = (from: string, to: string): readonly string[] =>
  Object.entries(rules).flatMap(([rule, forbids]) =>
    forbids(place(from), place(to)) ? [rule] : [],
  );

// Type-only imports count: a boundary is about what a file knows, not about what survives compilation.
const specifier = /(?:\bfrom\s|^import\s|\bimport\()\s*['"]([^'"\n]+)['"]/gm;
const imports = globSync('{gateway,trace-router,dashboards,deploy}/**/*.ts', {
  exclude: (path) => path.includes('node_modules'),
}).flatMap((path) =>
  [...readFileSync(path, 'utf8').matchAll(specifier)].map(([, to = '']) => ({
    from: path,
    to: to.startsWith('.')
      ? join(dirname(path), to)
      : to.replace(/^@tollgate\/([^/]+)\//, (_, name: string) =>
          packages.includes(name) ? `deploy/${name}/src/` : `${name}/src/`,
        ),
  })),
);

test('there are imports to check', () => expect(imports.length).toBeGreaterThan(1000));
test.each(Object.keys(rules))('%s', (rule) => {
  const broken = imports.filter(({ from, to }) => brokenBy(from, to).includes(rule));
  expect(broken.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test.each([
  ['gateway/src/config/check.ts', 'node:fs'],
  ['gateway/src/demo/model.ts', 'node:fs/promises'],
  ['gateway/src/projections/row.ts', 'node:net'],
  ['gateway/src/decide/price.ts', 'undici'],
  ['gateway/src/dialects/openai/check.ts', 'gateway/src/dialects/anthropic/check.ts'],
  ['gateway/src/dialects/openai.ts', 'gateway/src/dialects/anthropic.ts'],
  ['gateway/src/providers/openai.ts', 'gateway/src/providers/compatible.ts'],
  ['gateway/src/edge/ledger/spool.ts', 'gateway/src/edge/telemetry/store.ts'],
  ['gateway/src/edge/upstream/attempt.ts', 'gateway/src/edge/http/client.ts'],
  ['gateway/src/edge/ledger/spool.ts', 'gateway/src/edge/gateway.ts'],
  ['gateway/src/flow/call.ts', 'gateway/src/edge/ids.ts'],
  ['gateway/src/flow/call.ts', 'gateway/src/translate/request.ts'],
  ['gateway/src/contract/errors.ts', 'gateway/src/model/call.ts'],
  ['gateway/src/edge/gateway.ts', 'trace-router/src/contract/metrics.ts'],
  ['trace-router/src/otlp/json.ts', 'node:http2'],
  ['trace-router/src/otlp/split.ts', 'trace-router/src/edge/slices.ts'],
  ['trace-router/src/flow/sampler.ts', 'trace-router/src/otlp/facts.ts'],
  ['deploy/local/src/start.ts', 'gateway/src/edge/gateway.ts'],
  ['deploy/clickhouse/migrate.ts', 'gateway/src/edge/ledger/clickhouse.ts'],
  ['dashboards/src/build.ts', 'gateway/src/projections/metrics.ts'],
  ['deploy/listener/src/edge/guard.ts', 'gateway/src/contract/errors.ts'],
  ['deploy/listener/src/foreign.ts', 'node:http'],
  ['deploy/listener/src/names.ts', 'deploy/listener/src/edge/guard.ts'],
  ['gateway/src/decide/refuse.ts', 'deploy/listener/src/edge/guard.ts'],
  ['deploy/settings/src/shape.ts', 'gateway/src/config/config.ts'],
  ['deploy/settings/src/shape.ts', 'node:fs'],
  ['deploy/settings/src/shape.ts', 'deploy/settings/src/edge/read.ts'],
  ['gateway/src/config/check.ts', 'settings/src/edge/read.ts'],
])('a planted import is found: %s -> %s', (from, to) => {
  expect(brokenBy(from, to)).not.toEqual([]);
});
