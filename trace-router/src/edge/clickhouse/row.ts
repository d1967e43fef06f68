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

/** Go's encoding/json escapes these; pdata uses it. */
const goEscapes = new Map([
  ['<', '\\u003c'],
  ['>', '\\u003e'],
  ['&', '\\u0026'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
]);
const goString = (value: string): string =>
  JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (char) => goEscapes.get(char) ?? char);

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
      return JSON.stringify(value.value.toString('base64'));
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

const json = JSON.stringify;
const map = (attributes: Attributes): string =>
  `{${[...attributes].map(([key, value]) => `${json(key)}:${json(asText(value))}`).join(',')}}`;
const list = (parts: readonly string[]): string => `[${parts.join(',')}]`;
const time = (ns: bigint): string => String(ns > maxTimeNs ? maxTimeNs : ns);

/** One line, newline included. */
export const toRow = ({ resource, scopeName, scopeVersion, span }: PlacedSpan): string => {
  const service = resource.get('service.name');
  const { events, links } = span;
  const durationNs = span.endNs > span.startNs ? span.endNs - span.startNs : 0n;
  // oxfmt-ignore
  const columns = {
    Timestamp: time(span.startNs), TraceId: json(span.traceId), SpanId: json(span.spanId), ParentSpanId: json(span.parentSpanId),
    TraceState: json(span.traceState), SpanName: json(span.name), SpanKind: json(kinds[span.kind] ?? ''),
    ServiceName: json(service === undefined ? '' : asText(service)), ResourceAttributes: map(resource),
    ScopeName: json(scopeName), ScopeVersion: json(scopeVersion), SpanAttributes: map(span.attributes), Duration: String(durationNs),
    StatusCode: json(statuses[span.statusCode] ?? ''), StatusMessage: json(span.statusMessage),
    'Events.Timestamp': list(events.map(({ timeNs }) => time(timeNs))), 'Events.Name': list(events.map(({ name }) => json(name))),
    'Events.Attributes': list(events.map(({ attributes }) => map(attributes))),
    'Links.TraceId': list(links.map(({ traceId }) => json(traceId))), 'Links.SpanId': list(links.map(({ spanId }) => json(spanId))),
    'Links.TraceState': list(links.map(({ traceState }) => json(traceState))),
    'Links.Attributes': list(links.map(({ attributes }) => map(attributes))),
  };
  return `{${Object.entries(columns)
    .map(([name, value]) => `"${name}":${value}`)
    .join(',')}}\n`;
};
