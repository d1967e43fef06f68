/**
 * SQL panels ask the ledger through Grafana's ClickHouse data source, which expands the macros
 * (https://github.com/grafana/clickhouse-datasource/blob/main/docs/sources/query-editor.md).
 * The SDK has no such query, so this is ours. Decimal sums become floats in the last step only.
 */
import type { Dataquery } from '@grafana/grafana-foundation-sdk/cog';

export const clickhouse = { type: 'grafana-clickhouse-datasource', uid: '${ch}' } as const;

/** The shape Grafana draws: a line per value of the text columns over `time`, rows as they are, a trace. */
const formats = { timeseries: 0, table: 1, traces: 3 } as const;
export type SqlShape = keyof typeof formats;

export interface SqlQuery extends Dataquery {
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly editorType: 'sql';
  readonly format: number;
  readonly queryType: SqlShape;
  readonly rawSql: string;
  readonly refId: string;
}

/** One query on one line, so that a change of its layout is no change of the board. */
export const sql = (shape: SqlShape, text: string, refId = 'A'): SqlQuery => ({
  datasource: clickhouse,
  editorType: 'sql',
  format: formats[shape],
  queryType: shape,
  rawSql: text.trim().replaceAll(/\s+/g, ' '),
  refId,
  _implementsDataqueryVariant: () => {},
});

// `$__conditionalAll` becomes 1=1 while a variable stands on All: rows without a provider (refused calls) count too.
const chosen = (column: string, variable: string): string =>
  `$__conditionalAll(${column} IN (\${${variable}:singlequote}), $${variable})`;

/** Narrows `tollgate.calls` to the board's team, app, provider and model. */
export const chosenCalls = [
  chosen('caller_team', 'team'),
  chosen('caller_app', 'app'),
  chosen('provider', 'provider'),
  chosen('model', 'model'),
].join(' AND ');

/** Token classes of the ledger added up as people speak of them. */
export const tokensIn =
  'input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image';
export const tokensOut = 'output_text + output_reasoning + output_audio + output_image';
