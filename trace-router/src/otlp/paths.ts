/** Where OTLP is sent, over HTTP and over gRPC. https://opentelemetry.io/docs/specs/otlp/#otlphttp-request */
export const tracesPath = '/v1/traces';
export const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
export const metricsPath = '/v1/metrics';
export const metricsExportPath = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

/** The content type of OTLP/HTTP in protobuf. */
export const protobufType = 'application/x-protobuf';
