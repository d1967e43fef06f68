/**
 * A span as a line of JSONEachRow for `otel_traces`, in the words of the collector's clickhouse exporter, so that
 * Grafana and others read it alike:
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/clickhouseexporter
 * Values become text as in pdata's Value.AsString. Times are written as integers of nanoseconds: exact, and not a
 * question of time zones.
 */
import type { AttributeValue, Attributes, PlacedSpan } from '../../model/span.ts';

const kinds = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const statuses = ['Unset', 'Ok', 'Error'];
const maxTimeNs = (1n << 63n) - 1n;

/** Half a surrogate pair is JSON, but ClickHouse refuses a row with one (code 25). */
const json = (text: string): string => JSON.stringify(text.toWellFormed());

/** Go's encoding/json escapes these; pdata uses it. */
const goEscapes = new Map([
  ['<', '\\u003c'],
  ['>', '\\u003e'],
  ['&', '\\u0026'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
]);
const goString = (value: string): string =>
  json(value).replaceAll(/[<>&\u2028\u2029]/g, (char) => goEscapes.get(char) ?? char);

const goNumber = (value: number): string =>
  Number.isFinite(value)
    ? Object.is(value, -0)
      ? '-0'
      : String(value)
    : `json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`;

/** The value inside a list or map: JSON as Go writes it, keys sorted. */
const nested = (value: AttributeValue): string => {
  switch (value.kind) {
    case 'empty':
      return 'null';
    case 'text':
      return goString(value.value);
    case 'bool':
    case 'int':
      return String(value.value);
    case 'double':
      return goNumber(value.value);
    case 'bytes':
      return json(value.value.toString('base64'));
    case 'list':
      return `[${value.values.map(nested).join(',')}]`;
    case 'map': {
      const entries = [...value.entries].sort(([a], [b]) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      );
      return `{${entries.map(([key, entry]) => `${goString(key)}:${nested(entry)}`).join(',')}}`;
    }
  }
};

/** An attribute value as the text that the column holds. */
export const asText = (value: AttributeValue): string => {
  switch (value.kind) {
    case 'empty':
      return '';
    case 'text':
      return value.value;
    case 'bytes':
      return value.value.toString('base64');
    case 'bool':
    case 'int':
    case 'double':
    case 'list':
    case 'map':
      return nested(value);
  }
};

const map = (attributes: Attributes): string =>
  `{${[...attributes].map(([key, value]) => `${json(key)}:${json(asText(value))}`).join(',')}}`;
const list = (parts: readonly string[]): string => `[${parts.join(',')}]`;
const time = (ns: bigint): string => String(ns > maxTimeNs ? maxTimeNs : ns);

/** What each column holds, as JSON. */
// oxfmt-ignore
const columns: Readonly<Record<string, (placed: PlacedSpan) => string>> = {
  Timestamp: ({ span }) => time(span.startNs),
  TraceId: ({ span }) => json(span.traceId),
  SpanId: ({ span }) => json(span.spanId),
  ParentSpanId: ({ span }) => json(span.parentSpanId),
  TraceState: ({ span }) => json(span.traceState),
  SpanName: ({ span }) => json(span.name),
  SpanKind: ({ span }) => json(kinds[span.kind] ?? ''),
  ServiceName: ({ resource }) => json(asText(resource.get('service.name') ?? { kind: 'empty' })),
  ResourceAttributes: ({ resource }) => map(resource),
  ScopeName: ({ scopeName }) => json(scopeName),
  ScopeVersion: ({ scopeVersion }) => json(scopeVersion),
  SpanAttributes: ({ span }) => map(span.attributes),
  Duration: ({ span }) => String(span.endNs > span.startNs ? span.endNs - span.startNs : 0n),
  StatusCode: ({ span }) => json(statuses[span.statusCode] ?? ''),
  StatusMessage: ({ span }) => json(span.statusMessage),
  'Events.Timestamp': ({ span }) => list(span.events.map(({ timeNs }) => time(timeNs))),
  'Events.Name': ({ span }) => list(span.events.map(({ name }) => json(name))),
  'Events.Attributes': ({ span }) => list(span.events.map(({ attributes }) => map(attributes))),
  'Links.TraceId': ({ span }) => list(span.links.map(({ traceId }) => json(traceId))),
  'Links.SpanId': ({ span }) => list(span.links.map(({ spanId }) => json(spanId))),
  'Links.TraceState': ({ span }) => list(span.links.map(({ traceState }) => json(traceState))),
  'Links.Attributes': ({ span }) => list(span.links.map(({ attributes }) => map(attributes))),
};
const inOrder = Object.entries(columns);

/** The columns that a row has. The table may have others, of a later version: they are given their defaults. */
export const columnNames: readonly string[] = inOrder.map(([name]) => name);

/** One line, newline included. */
export const toRow = (placed: PlacedSpan): string =>
  `{${inOrder.map(([name, project]) => `"${name}":${project(placed)}`).join(',')}}\n`;
