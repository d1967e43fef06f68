/**
 * Grafana's part of a SQL panel, as far as our panels use it: macros of the ClickHouse data source and `:singlequote`.
 * Source: https://github.com/grafana/clickhouse-datasource (pkg/macros/macros.go, src/data/CHDatasource.ts).
 */

interface Seen {
  readonly fromMs: number;
  readonly toMs: number;
  /** Width of a point on the time axis. */
  readonly intervalSeconds: number;
  /** What is chosen in each variable; one that is missing stands on All. */
  readonly chosen?: Readonly<Record<string, readonly string[]>>;
}

const seconds = (ms: number) => `toDateTime(${Math.floor(ms / 1000)})`;
const milliseconds = (ms: number) => `fromUnixTimestamp64Milli(${ms})`;
const date = (ms: number) => `toDate('${new Date(ms).toISOString().slice(0, 10)}')`;
const quoted = (value: string) => `'${value.replaceAll("'", "\\'")}'`;

/** The SQL that reaches ClickHouse. Throws on a macro or variable it does not know. */
export const expanded = (
  sql: string,
  { fromMs, toMs, intervalSeconds, chosen = {} }: Seen,
): string => {
  const between = (column: string, show: (ms: number) => string) =>
    `${column} >= ${show(fromMs)} AND ${column} <= ${show(toMs)}`;
  const text = sql
    .replaceAll(/\$__conditionalAll\((.*?\)), \$(\w+)\)/g, (_all, phrase: string, name: string) =>
      chosen[name] === undefined ? '1=1' : phrase,
    )
    .replaceAll(/\$\{(\w+):singlequote\}/g, (_all, name: string) =>
      (chosen[name] ?? []).map(quoted).join(','),
    )
    .replaceAll(/\$__timeFilter\((\w+)\)/g, (_all, column: string) => between(column, seconds))
    .replaceAll(/\$__timeFilter_ms\((\w+)\)/g, (_all, column: string) =>
      between(column, milliseconds),
    )
    .replaceAll(/\$__dateFilter\((\w+)\)/g, (_all, column: string) => between(column, date))
    .replaceAll(
      /\$__timeInterval\((\w+)\)/g,
      (_all, column: string) =>
        `toStartOfInterval(toDateTime(${column}), INTERVAL ${intervalSeconds} second)`,
    );
  if (text.includes('$')) throw new Error(`a macro or variable is not expanded: ${text}`);
  return text;
};
