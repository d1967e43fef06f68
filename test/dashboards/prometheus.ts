/**
 * A real Prometheus (Debian's package) for tests, and the list of all PromQL that it should be able to answer.
 * The process gets a port of its own and a temporary directory; `stop()` ends it and removes the directory.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parser } from '@prometheus-io/lezer-promql';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { stringify } from 'yaml';
import { groups } from '../../dashboards/src/alerts/registry.ts';
import { boardQueries } from './board.ts';

/** Found on the path. */
export const binaries = { prometheus: 'prometheus', promtool: 'promtool' } as const;
const found = (tool: string): boolean => spawnSync(tool, ['--version']).error === undefined;
/** False where Debian's package `prometheus` is not installed: tests that need it skip and say so. */
export const havePrometheus = found(binaries.prometheus);
export const havePromtool = found(binaries.promtool);
/** For the name of a test that may have to skip. */
export const needsPrometheus = havePrometheus
  ? ''
  : ' [skipped: the Debian package prometheus is not installed]';
export const needsPromtool = havePromtool
  ? ''
  : ' [skipped: promtool, of the Debian package prometheus, is not installed]';

const startDeadlineMs = 60_000;
const stopDeadlineMs = 20_000;
const pollMs = 200;

const Sample = Type.Tuple([Type.Number(), Type.String()]);
const Answer = Compile(
  Type.Object({
    data: Type.Object({
      result: Type.Array(
        Type.Object({ metric: Type.Record(Type.String(), Type.String()), value: Sample }),
      ),
    }),
  }),
);
const Scalar = Compile(
  Type.Object({ data: Type.Object({ resultType: Type.Literal('scalar'), result: Sample }) }),
);
const Rules = Compile(
  Type.Object({
    data: Type.Object({
      groups: Type.Array(
        Type.Object({
          name: Type.String(),
          rules: Type.Array(
            Type.Object({
              name: Type.String(),
              type: Type.String(),
              health: Type.String(),
              lastError: Type.Optional(Type.String()),
              state: Type.Optional(Type.String()),
            }),
          ),
        }),
      ),
    }),
  }),
);
const Exemplars = Compile(
  Type.Object({
    data: Type.Array(
      Type.Object({
        seriesLabels: Type.Record(Type.String(), Type.String()),
        exemplars: Type.Array(
          Type.Object({ labels: Type.Record(Type.String(), Type.String()), value: Type.String() }),
        ),
      }),
    ),
  }),
);

export interface Sampled {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface RuleState {
  readonly group: string;
  readonly name: string;
  readonly kind: 'recording' | 'alerting';
  /** `ok`, `err`, or `unknown` before its first evaluation. */
  readonly health: string;
  readonly error: string;
  /** Of an alert: `inactive`, `pending` or `firing`; empty for a recording. */
  readonly state: string;
}

export interface RunningPrometheus {
  readonly url: string;
  /** An instant query, now. Throws with Prometheus's words on an expression that it refuses. */
  query(expr: string): Promise<Sampled[]>;
  rules(): Promise<RuleState[]>;
  /** Trace ids of the exemplars of the last five minutes behind an expression. */
  exemplars(expr: string): Promise<string[]>;
  stop(): Promise<void>;
}

interface Options {
  /** `address` is host:port; `/metrics` is scraped. */
  readonly targets: readonly { readonly job: string; readonly address: string }[];
  readonly rulesFile: string;
  readonly scrapeIntervalMs: number;
}

/** Starts it and waits until it is ready. Rejects with its last words when it ends before. */
export const startPrometheus = async (options: Options): Promise<RunningPrometheus> => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-prometheus-'));
  copyFileSync(options.rulesFile, join(dir, 'rules.yml'));
  const interval = `${options.scrapeIntervalMs}ms`;
  const jobs = Map.groupBy(options.targets, ({ job }) => job);
  writeFileSync(
    join(dir, 'prometheus.yml'),
    stringify({
      global: {
        scrape_interval: interval,
        scrape_timeout: interval,
        evaluation_interval: interval,
      },
      rule_files: ['rules.yml'],
      scrape_configs: [...jobs].map(([job_name, targets]) => ({
        job_name,
        static_configs: [{ targets: targets.map(({ address }) => address) }],
      })),
    }),
  );
  const child = spawn(
    binaries.prometheus,
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--enable-feature=exemplar-storage',
      '--log.level=info',
    ],
    { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  // Rejects where it cannot be started at all; `port` below says so.
  const ended = once(child, 'exit').catch(() => {});
  const words: string[] = [];
  const log = createInterface({ input: child.stderr });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
      await ended;
      clearTimeout(killer);
    }
    log.close();
    rmSync(dir, { recursive: true, force: true });
  };

  const port = Promise.withResolvers<string>();
  log.on('line', (line) => {
    words.push(line);
    if (words.length > 20) words.shift();
    const listening = /msg="Listening on".*address=\S*?:(\d+)/.exec(line);
    if (listening?.[1] !== undefined) port.resolve(listening[1]);
  });
  const failed = (why: string) => new Error(`prometheus ${why}:\n${words.join('\n')}`);
  child.on('error', (error) => port.reject(error));
  child.on('exit', (code) => port.reject(failed(`ended with ${code}`)));
  const late = setTimeout(() => port.reject(failed('did not listen in time')), startDeadlineMs);

  try {
    const url = `http://127.0.0.1:${await port.promise}`;
    const askedFromMs = performance.now();
    while (
      !(await fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (performance.now() - askedFromMs > startDeadlineMs) throw failed('was not ready in time');
      await sleep(pollMs);
    }
    return { url, stop, ...questions(url) };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(late);
  }
};

const questions = (url: string): Pick<RunningPrometheus, 'query' | 'rules' | 'exemplars'> => {
  const ask = async (path: string, parameters: Record<string, string> = {}): Promise<unknown> => {
    const reply = await fetch(
      `${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
    );
    if (!reply.ok) throw new Error(`prometheus: ${reply.status} ${await reply.text()}`);
    return reply.json();
  };
  return {
    query: async (expr) => {
      const answer = await ask('query', { query: expr });
      if (Scalar.Check(answer)) return [{ labels: {}, value: Number(answer.data.result[1]) }];
      if (!Answer.Check(answer)) throw new Error(`prometheus: no vector from ${expr}`);
      return answer.data.result.map(({ metric, value }) => ({
        labels: metric,
        value: Number(value[1]),
      }));
    },
    rules: async () => {
      const answer = await ask('rules');
      if (!Rules.Check(answer)) throw new Error('prometheus: no rules');
      return answer.data.groups.flatMap(({ name: group, rules }) =>
        rules.map(({ name, type, health, lastError = '', state = '' }) => ({
          group,
          name,
          kind: type === 'alerting' ? ('alerting' as const) : ('recording' as const),
          health,
          error: lastError,
          state,
        })),
      );
    },
    exemplars: async (expr) => {
      const now = Date.now() / 1000;
      const answer = await ask('query_exemplars', {
        query: expr,
        start: `${now - 300}`,
        end: `${now}`,
      });
      if (!Exemplars.Check(answer)) throw new Error(`prometheus: no exemplars from ${expr}`);
      return answer.data.flatMap(({ exemplars }) =>
        exemplars.flatMap(({ labels: { trace_id } }) => (trace_id === undefined ? [] : [trace_id])),
      );
    },
  };
};

/** Grafana's own variables and the board's, as they stand at first sight of a board. */
const substituted = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$\{?(team|app|provider|model|org)\}?/g, '.*');

/** The plain selectors of an expression, without offset, function or comparison. */
const selectors = (expr: string): string[] => {
  const selected: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to }) => {
      if (name === 'VectorSelector') selected.push(expr.slice(from, to));
    },
  });
  return selected;
};

/**
 * All PromQL that has to return data while traffic, errors among it, flows.
 * `board`: the boards' queries, their variables on All. `events`: those of them that stay empty until a provider failed,
 * a call was retried or fell back. `rules`: every recording, and every series that an alert judges (an alert itself
 * returns data only while it fires; `tollgate_unpriced_calls_total` exists from the first unpriced call on).
 */
export const expressions = (): { board: string[]; events: string[]; rules: string[] } => {
  const queries = boardQueries().map((query) => ({ ...query, expr: substituted(query.expr) }));
  const rules = Object.values(groups)
    .flat()
    .flatMap((rule) =>
      rule.kind === 'recording' ? [rule.expr.text, rule.name] : selectors(rule.expr.text),
    );
  const events = queries.filter(({ mayBeEmpty }) => mayBeEmpty);
  return {
    board: [...new Set(queries.map(({ expr }) => expr))],
    events: [...new Set(events.map(({ expr }) => expr))],
    rules: [...new Set(rules)],
  };
};

/**
 * Asks until every expression has at least one finite value, or the time is up.
 * Returns those that still have none: an empty list is what a test wants.
 */
export const withoutData = async (
  prometheus: RunningPrometheus,
  exprs: readonly string[],
  deadlineMs: number,
): Promise<string[]> => {
  const fromMs = performance.now();
  for (let missing = [...exprs]; ; await sleep(pollMs * 2)) {
    const answers = await Promise.all(missing.map((expr) => prometheus.query(expr)));
    missing = missing.filter(
      (_expr, i) => !(answers[i] ?? []).some(({ value }) => Number.isFinite(value)),
    );
    if (missing.length === 0 || performance.now() - fromMs > deadlineMs) return missing;
  }
};

/** The rules as generated and committed. */
export const rulesFile = join(import.meta.dirname, '../../dashboards/out/rules.yml');
export const rulesTestFile = join(import.meta.dirname, '../../dashboards/out/rules_test.yml');
