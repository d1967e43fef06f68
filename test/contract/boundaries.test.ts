import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { expect, test } from 'vitest';

/** Where an import starts or ends: `gateway/src/flow/chat.ts`, or `npm` for a package and for node:*. */
const place = (path: string) => {
  const [room = '', src, part = ''] = path.split('/');
  return src === 'src' ? { room, part, path } : { room: 'npm', part: '', path };
};
type Place = ReturnType<typeof place>;

const core = ['model', 'decide', 'providers', 'guardrails', 'policies', 'flow'];
const plugins = ['providers', 'guardrails', 'policies'];
// Libraries without I/O that the core may use: hashing, schemas, framing, counting.
const pure = /^(node:crypto|hashring|typebox(\/.*)?|eventsource-parser|tokenx)$/;
// What plug-ins share: their contract, the dialects, and the road of a reply.
const meetingPoint = /\/(provider|guardrail|policy|road|splice)\.ts$|\/dialects\//;

/** Each row says what is forbidden. */
const rules: Record<string, (from: Place, to: Place) => boolean> = {
  'contracts import nothing': (from, to) => from.part === 'contract' && to.part !== 'contract',
  'rooms meet only at contracts': (from, to) =>
    to.room !== 'npm' && to.room !== from.room && to.part !== 'contract',
  'services talk by wire': (from, to) =>
    from.room !== 'dashboards' && to.room !== 'npm' && to.room !== from.room,
  'the core does no I/O': (from, to) =>
    core.includes(from.part) && to.room === 'npm' && !pure.test(to.path),
  'the core knows no edge': (from, to) =>
    [...core, 'contract', 'config'].includes(from.part) && ['edge', 'main.ts'].includes(to.part),
  'the story names no vendor': (from, to) =>
    ['model', 'decide', 'flow'].includes(from.part) && plugins.includes(to.part),
  'plug-ins are strangers': (from, to) =>
    plugins.includes(from.part) &&
    from.part === to.part &&
    !from.path.endsWith('/registry.ts') &&
    !meetingPoint.test(to.path),
};

// Type-only imports count: a boundary is about what a file knows, not about what survives compilation.
const specifier = /(?:\bfrom\s|^import\s|\bimport\()\s*['"]([^'"\n]+)['"]/gm;
const imports = globSync('{gateway,trace-router,dashboards}/src/**/*.ts').flatMap((path) =>
  [...readFileSync(path, 'utf8').matchAll(specifier)].map(([, to = '']) => ({
    from: place(path),
    to: place(
      to.startsWith('.') ? join(dirname(path), to) : to.replace(/^@tollgate\/([^/]+)\//, '$1/src/'),
    ),
  })),
);

test('there are imports to check', () => expect(imports.length).toBeGreaterThan(10));
test.each(Object.entries(rules))('%s', (_name, forbidden) => {
  const broken = imports.filter(({ from, to }) => forbidden(from, to));
  expect(broken.map(({ from, to }) => `${from.path} -> ${to.path}`)).toEqual([]);
});
