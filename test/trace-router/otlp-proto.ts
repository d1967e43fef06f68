/**
 * The oracle: OTLP trace messages for protobufjs. `future*` fields stand for a later OTLP version: our scanner does not
 * know them, the oracle does, so a lost one is seen.
 */
import protobuf from 'protobufjs';

const text = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; string future_top = 77; }
message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; repeated string future_resource = 99; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; repeated uint64 future_scope = 44; }
message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16; string name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
  repeated Event events = 11; uint32 dropped_events_count = 12; repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15;
  repeated fixed64 future_span = 1000 [packed = false];
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
`;

const { root } = protobuf.parse(text, { keepCase: false });
export const requestType = root.lookupType('ExportTraceServiceRequest');
export const responseType = root.lookupType('ExportTraceServiceResponse');

interface OracleScope {
  readonly scope?: unknown;
  readonly schemaUrl?: string;
  readonly futureScope?: unknown;
  readonly spans?: readonly { readonly traceId?: string; readonly spanId?: string }[];
}
interface OracleResource {
  readonly resource?: unknown;
  readonly schemaUrl?: string;
  readonly futureResource?: unknown;
  readonly scopeSpans?: readonly OracleScope[];
}
interface OracleRequest {
  readonly futureTop?: string;
  readonly resourceSpans?: readonly OracleResource[];
}

/** One span with everything that surrounds it, as text that two equal spans share. */
export interface Seen {
  readonly traceId: string;
  readonly spanId: string;
  readonly text: string;
}

const hex = (base64: string | undefined): string =>
  Buffer.from(base64 ?? '', 'base64').toString('hex');

/** Every span of a request as a full decoder sees it. Throws when protobufjs does. */
export const spansOf = (bytes: Uint8Array): Seen[] => {
  const request: OracleRequest = requestType.toObject(requestType.decode(bytes), {
    longs: String,
    bytes: String,
    // NaN and infinities would become null in JSON
    json: true,
  });
  return (request.resourceSpans ?? []).flatMap((r) =>
    (r.scopeSpans ?? []).flatMap((s) =>
      (s.spans ?? []).map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        text: JSON.stringify([
          request.futureTop,
          r.resource,
          r.schemaUrl,
          r.futureResource,
          s.scope,
          s.schemaUrl,
          s.futureScope,
          span,
        ]),
      })),
    ),
  );
};

/** Encodes a request given in protobufjs's object form. */
export const encodeRequest = (request: Record<string, unknown>): Buffer =>
  Buffer.from(requestType.encode(requestType.fromObject(request)).finish());

/** True for an id that OTLP calls valid. */
export const validTraceId = (traceId: string): boolean =>
  traceId.length === 32 && !/^0+$/.test(traceId);
