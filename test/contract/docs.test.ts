/** What a page names is there: settings, headers, metrics, variables, files. Decisions and the changelog tell of the past. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KeyLimits } from '../../gateway/src/config/schema-budgets.ts';
import { sections } from '../../gateway/src/config/sections.ts';
import { errors } from '../../gateway/src/contract/errors.ts';
import { limitTable } from '../../deploy/local/src/clickhouse/limits.ts';
import {
  clickhouseEnvironment,
  startEnvironment,
} from '../../deploy/local/src/contract/environment.ts';
import { environment } from '../../gateway/src/contract/environment.ts';
import { requestHeaders, responseHeaders } from '../../gateway/src/contract/headers.ts';
import { metrics } from '../../gateway/src/contract/metrics.ts';
import { environment as routerEnvironment } from '../../trace-router/src/contract/environment.ts';
import { sections as routerSections } from '../../trace-router/src/config/schema.ts';
import { replyHeaders } from '../../gateway/src/contract/reply-headers.ts';

const ignored = (path: string): boolean =>
  /node_modules|^\.|^CHANGELOG\.md$|^DECISIONS\.md$/.test(path);
const pages = globSync('**/*.md', { exclude: ignored }).filter((path) => !ignored(path));
const sources = globSync(
  '{gateway,trace-router,dashboards,deploy,test}/**/*.{ts,yml,yaml,json,sql}',
  {
    exclude: (path) => path.includes('node_modules'),
  },
);
const sourceText = sources
  .filter((path) => !path.endsWith('docs.test.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

/** Code in a page: spans between backticks, and fenced blocks. */
const codeOf = (page: string): readonly string[] => {
  const text = readFileSync(page, 'utf8');
  const fenced = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
  const spans = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)];
  return [...fenced, ...spans.map(([, code = '']) => code)];
};
const namedIn = (page: string, pattern: RegExp): readonly string[] => [
  ...new Set(codeOf(page).flatMap((code) => [...code.matchAll(pattern)].map(([name]) => name))),
];

interface Kind {
  readonly pattern: RegExp;
  /** Null: it is there. */
  readonly missing: (name: string, page: string) => boolean;
  /** One that is not there, for the check itself. */
  readonly stale: string;
}

const fieldsOf = (of: Readonly<Record<string, { readonly properties: object }>>) =>
  Object.entries(of).flatMap(([section, { properties }]) =>
    Object.keys(properties).map((field) => `${section}.${field}`),
  );
/** Those of a key (`limits.parallelCalls`) look like settings of a section. */
const sectionFields = [...fieldsOf(sections), ...fieldsOf({ limits: KeyLimits })];
const routerFields = fieldsOf(routerSections);
const headers = [...Object.keys(requestHeaders), ...Object.keys(responseHeaders)];
/** Names under which headers of providers pass. */
const passed = replyHeaders.map(({ as }) => as);
const metricNames: readonly string[] = Object.values(metrics).map(({ name }) => name);

const kinds: Readonly<Record<string, Kind>> = {
  setting: {
    pattern:
      /(?<![\w./-])(?:limits|timeouts|retry|admission|ledger|telemetry|log)\.(?!(?:ts|sql)\b)[a-z][A-Za-z]+(?![\w./(])/g,
    missing: (name) => !sectionFields.includes(name),
    stale: 'limits.bodyBytes',
  },
  'setting of the router': {
    pattern:
      /(?<![\w./-])(?:receive|send|sampler|write|shutdown)\.(?!ts\b)[a-z][A-Za-z]+(?![\w./(])/g,
    missing: (name) => !routerFields.includes(name),
    stale: 'receive.maxBodyBytes',
  },
  header: {
    pattern: /x-tollgate-[a-z-]+/g,
    missing: (name) =>
      !headers.includes(name) && !passed.some((as) => as !== null && as.startsWith(name)),
    stale: 'x-tollgate-price',
  },
  'metric of the gateway': {
    pattern: /\btollgate_(?!clickhouse_)[a-z_]+/g,
    missing: (name) =>
      !metricNames.includes(name.replace(/_(bucket|sum|count)$/, '')) &&
      !metricNames.includes(name) &&
      // Beginnings of names, and names of other things: databases, tables, rules.
      !sourceText.includes(name),
    stale: 'tollgate_nothing_total',
  },
  'environment variable': {
    pattern: /TOLLGATE_[A-Z_]*[A-Z]/g,
    missing: (name) => !sourceText.includes(name),
    stale: 'TOLLGATE_NOTHING',
  },
  file: {
    pattern: /(?<![\w/{}*<.-])(?:[\w.-]+\/)+[\w.-]+\.(?:ts|md|yaml|yml|json|sql|mjs)(?![\w/])/g,
    missing: (name, page) =>
      ![
        '',
        dirname(page),
        'gateway/src',
        'trace-router/src',
        'deploy/local/src',
        'dashboards/src',
        'test',
      ]
        .map((from) => join(from, name))
        .some((path) => existsSync(path)) && !sources.some((path) => path.endsWith(`/${name}`)),
    stale: 'gateway/src/edge/ledger/nothing.ts',
  },
};

describe.each(Object.entries(kinds))('%s', (_kind, { pattern, missing, stale }) => {
  test('each that a page names is there', () => {
    const gone = pages.flatMap((page) =>
      namedIn(page, pattern)
        .filter((name) => missing(name, page))
        .map((name) => `${page}: ${name}`),
    );
    expect(gone).toEqual([]);
  });
  test('one that is not there is found', () => {
    expect([...stale.matchAll(pattern)].map(([name]) => name)).toEqual([stale]);
    expect(missing(stale, 'README.md')).toBe(true);
  });
});

const textOf = (wanted: RegExp): string =>
  sources
    .filter((path) => wanted.test(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');

const limitVariables = Object.values(limitTable).map(({ env }) => env);

// oxfmt-ignore
const services = [
  ['gateway', /^gateway\/src\/(?!contract|docs)/, environment],
  ['trace-router', /^trace-router\/src\/(?!contract)/, routerEnvironment],
  ['starter', /^deploy\/local\/src\/(?:main|start|settings|keys|claim|supervisor)\.ts$/, startEnvironment],
  ['embedded ClickHouse', /^deploy\/local\/src\/clickhouse\/(?!limits\.ts)/, clickhouseEnvironment],
] as const;

test.each(services)(
  'what the %s reads from its environment is in the reference',
  (_, of, table) => {
    const names = [...textOf(of).matchAll(/'(TOLLGATE_[A-Z_]+)'/g)].map(([, name = '']) => name);
    const read = new Set(names.filter((name) => !limitVariables.some((limit) => limit === name)));
    expect([...read].toSorted()).toEqual(Object.keys(table).toSorted());
  },
);

test('every header that the gateway writes is in the reference, and no other', () => {
  const gateway = textOf(/^gateway\/src\/(?!contract|docs)/);
  const written = new Set(
    [...gateway.matchAll(/'(x-tollgate-[a-z-]+)'/g)].map(([, name = '']) => name),
  );
  expect([...written].filter((name) => !headers.includes(name))).toEqual([]);
  expect(headers.filter((name) => name.startsWith('x-') && !written.has(name))).toEqual([]);
});

test('every code of an error in a page is one', () => {
  const codes = Object.keys(errors);
  const shown = readFileSync('docs/reference.md', 'utf8');
  for (const code of codes) expect(shown).toContain(`\`${code}\``);
});
