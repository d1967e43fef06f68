import { existsSync, globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles } from '../../dashboards/src/build.ts';

const files = generatedFiles();

test.each(Object.keys(files))('%s is committed as generated', (path) => {
  expect(existsSync(path), `${path}: run npm run generate`).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe(files[path]);
});

test('nothing else lies among the generated files', () => {
  const lying = globSync('dashboards/out/**/*.*');
  expect(lying.filter((path) => files[path] === undefined)).toEqual([]);
});

test('generating twice gives the same bytes, each file ending its last line', () => {
  expect(generatedFiles()).toEqual(files);
  for (const content of Object.values(files)) expect(content).toMatch(/[^\n]\n$/);
});

test('boards have their keys in order, at any depth', () => {
  const check = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) expect(Object.keys(value)).toEqual(Object.keys(value).toSorted());
    Object.values(value).forEach(check);
  };
  const boards = Object.entries(files).filter(([path]) => path.endsWith('.json'));
  expect(boards).not.toEqual([]);
  for (const [, content] of boards) check(JSON.parse(content));
});

test('Grafana leaves the placeholder of a trace id to the browser', () => {
  const text = files['deploy/grafana/provisioning/datasources/tollgate.yaml'] ?? '';
  // Grafana reads $NAME and ${NAME} from its environment, and $$ as a dollar.
  const named = [...text.replaceAll('$$', '').matchAll(/\$\{?(\w+)/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(
    new Set([
      'TOLLGATE_PROMETHEUS_URL',
      'TOLLGATE_CLICKHOUSE_HOST',
      'TOLLGATE_CLICKHOUSE_PORT',
      'TOLLGATE_READER_PASSWORD',
    ]),
  );
  expect(text).toContain("'$${__value.raw}'");
  expect(parse(text)).toMatchObject({ apiVersion: 1 });
});
