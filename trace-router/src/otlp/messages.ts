/**
 * The messages of an OTLP ExportTraceServiceRequest by the names that they have in JSON. Numbers:
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto
 */
/** How a scalar stands in JSON and goes into protobuf. */
export type Kind =
  | 'hex'
  | 'text'
  | 'enum'
  | 'uint32'
  | 'fixed32'
  | 'fixed64'
  | 'int64'
  | 'bool'
  | 'double'
  | 'base64';
export interface Field {
  readonly number: number;
  readonly kind: Kind | Message;
  readonly repeated?: true;
}
/** A function, because messages contain one another. */
export type Message = () => Readonly<Record<string, Field>>;

// oxfmt-ignore
const arrayValue: Message = () => ({ values: { number: 1, kind: anyValue, repeated: true } });
// oxfmt-ignore
const keyValueList: Message = () => ({ values: { number: 1, kind: keyValue, repeated: true } });
// oxfmt-ignore
const anyValue: Message = () => ({
  stringValue: { number: 1, kind: 'text' }, boolValue: { number: 2, kind: 'bool' }, intValue: { number: 3, kind: 'int64' },
  doubleValue: { number: 4, kind: 'double' }, arrayValue: { number: 5, kind: arrayValue }, kvlistValue: { number: 6, kind: keyValueList },
  bytesValue: { number: 7, kind: 'base64' },
});
const keyValue: Message = () => ({
  key: { number: 1, kind: 'text' },
  value: { number: 2, kind: anyValue },
});
// oxfmt-ignore
const event: Message = () => ({
  timeUnixNano: { number: 1, kind: 'fixed64' }, name: { number: 2, kind: 'text' }, attributes: { number: 3, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 4, kind: 'uint32' },
});
// oxfmt-ignore
const link: Message = () => ({
  traceId: { number: 1, kind: 'hex' }, spanId: { number: 2, kind: 'hex' }, traceState: { number: 3, kind: 'text' },
  attributes: { number: 4, kind: keyValue, repeated: true }, droppedAttributesCount: { number: 5, kind: 'uint32' }, flags: { number: 6, kind: 'fixed32' },
});
const status: Message = () => ({
  message: { number: 2, kind: 'text' },
  code: { number: 3, kind: 'enum' },
});
// oxfmt-ignore
const span: Message = () => ({
  traceId: { number: 1, kind: 'hex' }, spanId: { number: 2, kind: 'hex' }, traceState: { number: 3, kind: 'text' }, parentSpanId: { number: 4, kind: 'hex' },
  name: { number: 5, kind: 'text' }, kind: { number: 6, kind: 'enum' }, startTimeUnixNano: { number: 7, kind: 'fixed64' },
  endTimeUnixNano: { number: 8, kind: 'fixed64' }, attributes: { number: 9, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 10, kind: 'uint32' }, events: { number: 11, kind: event, repeated: true },
  droppedEventsCount: { number: 12, kind: 'uint32' }, links: { number: 13, kind: link, repeated: true }, droppedLinksCount: { number: 14, kind: 'uint32' },
  status: { number: 15, kind: status }, flags: { number: 16, kind: 'fixed32' },
});
// oxfmt-ignore
const scope: Message = () => ({
  name: { number: 1, kind: 'text' }, version: { number: 2, kind: 'text' }, attributes: { number: 3, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 4, kind: 'uint32' },
});
// oxfmt-ignore
const scopeSpans: Message = () => ({
  scope: { number: 1, kind: scope }, spans: { number: 2, kind: span, repeated: true }, schemaUrl: { number: 3, kind: 'text' },
});
const resource: Message = () => ({
  attributes: { number: 1, kind: keyValue, repeated: true },
  droppedAttributesCount: { number: 2, kind: 'uint32' },
});
// oxfmt-ignore
const resourceSpans: Message = () => ({
  resource: { number: 1, kind: resource }, scopeSpans: { number: 2, kind: scopeSpans, repeated: true }, schemaUrl: { number: 3, kind: 'text' },
});
export const request: Message = () => ({
  resourceSpans: { number: 1, kind: resourceSpans, repeated: true },
});
