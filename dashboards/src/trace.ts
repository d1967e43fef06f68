/** From a trace id to the trace: a link into Grafana's Explore, asking ClickHouse for the spans. */
import { clickhouse, sql } from './sql.ts';

const traceId = '__TRACE_ID__';
const dataSource = '__DATA_SOURCE__';

const bound = (edge: 'min(Start)' | 'max(End) + 1'): string =>
  `(SELECT ${edge} FROM tollgate.otel_traces_trace_id_ts WHERE TraceId = '${traceId}')`;

// Column names are what the data source's trace view reads. A span exported twice is shown once.
const spans = sql(
  'traces',
  `SELECT TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, ServiceName AS serviceName,
     SpanName AS operationName, toUnixTimestamp64Milli(Timestamp) AS startTime, Duration / 1000000 AS duration,
     arrayMap(k -> map('key', k, 'value', SpanAttributes[k]), mapKeys(SpanAttributes)) AS tags
   FROM tollgate.otel_traces
   WHERE TraceId = '${traceId}' AND Timestamp >= ${bound('min(Start)')} AND Timestamp <= ${bound('max(End) + 1')}
   ORDER BY Timestamp LIMIT 1 BY spanID LIMIT 10000`,
);

/** The SQL behind `traceLink`, for one trace. */
export const traceSql = (id: string): string => spans.rawSql.replaceAll(traceId, id);

/**
 * A Grafana data link: `${__value.raw}` is the trace id under the pointer.
 * `uid` is the ClickHouse data source: the board's variable, or a fixed one where variables do not exist.
 */
export const traceLink = (uid: string = clickhouse.uid): string => {
  const { rawSql, editorType, format, queryType, refId } = spans;
  const datasource = { type: clickhouse.type, uid: dataSource };
  const pane = {
    datasource: dataSource,
    queries: [{ datasource, editorType, format, queryType, rawSql, refId }],
    range: { from: 'now-24h', to: 'now' },
  };
  // Grafana looks for its placeholders in the finished URL, so they must not be encoded.
  return `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(
    JSON.stringify({ trace: pane }),
  )
    .replaceAll(traceId, '${__value.raw}')
    .replaceAll(dataSource, uid)}`;
};
