/**
 * Answers in the words of OTLP: ExportTraceServiceResponse, google.rpc.Status and its RetryInfo; and reading those of
 * members. https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response and #otlphttp-response
 */
import type { Answer } from '../model/answer.ts';
import { bytesType, eachField, readVarint64, varintType } from './protobuf.ts';
import { bytesField, varintField } from './protobuf-out.ts';

type Refusal = Exclude<Answer, { kind: 'accepted' }>;

/** gRPC and HTTP status of each refusal. RESOURCE_EXHAUSTED without RetryInfo and 413 are final; 14 and 503 are not. */
// oxfmt-ignore
export const refusals = {
  malformed:   { grpc: 3,  http: 400 },
  too_large:   { grpc: 8,  http: 413 },
  unsupported: { grpc: 12, http: 415 },
  crashed:     { grpc: 13, http: 500 },
  busy:        { grpc: 14, http: 503 },
} as const satisfies Record<Refusal['kind'], { grpc: number; http: number }>;

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';

const retryInfo = (delayMs: number): Buffer => {
  const seconds = Math.floor(delayMs / 1000);
  const nanos = Math.round((delayMs % 1000) * 1e6);
  const duration = Buffer.concat([varintField(1, seconds), varintField(2, nanos)]);
  const any = [bytesField(1, retryInfoType), bytesField(2, bytesField(1, duration))];
  return bytesField(3, Buffer.concat(any));
};

/** The google.rpc.Status of a refusal, with RetryInfo when it may be sent again. */
export const encodeStatus = (answer: Refusal): Buffer =>
  Buffer.concat([
    varintField(1, refusals[answer.kind].grpc),
    bytesField(2, answer.message),
    ...(answer.kind === 'busy' ? [retryInfo(answer.retryAfterMs)] : []),
  ]);

/** The same as JSON. */
export const statusJson = (answer: Refusal): string =>
  JSON.stringify({
    code: refusals[answer.kind].grpc,
    message: answer.message,
    ...(answer.kind === 'busy'
      ? { details: [{ '@type': retryInfoType, retryDelay: `${answer.retryAfterMs / 1000}s` }] }
      : {}),
  });

interface Partial {
  readonly rejectedSpans: number;
  readonly message: string;
}

/** ExportTraceServiceResponse: empty when there is nothing to say. */
export const encodeResponse = ({ rejectedSpans, message }: Partial): Buffer =>
  rejectedSpans === 0 && message === ''
    ? Buffer.alloc(0)
    : bytesField(
        1,
        Buffer.concat([
          ...(rejectedSpans === 0 ? [] : [varintField(1, rejectedSpans)]),
          bytesField(2, message),
        ]),
      );

/** The same as JSON; 64-bit integers are texts there. */
export const responseJson = ({ rejectedSpans, message }: Partial): string =>
  rejectedSpans === 0 && message === ''
    ? '{}'
    : JSON.stringify({
        partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: message },
      });

/** Reads a member's ExportTraceServiceResponse; what cannot be read says nothing. */
export const decodeResponse = (bytes: Buffer): Partial => {
  let rejectedSpans = 0;
  let message = '';
  eachField(bytes, 0, bytes.length, (outer) => {
    if (outer.number !== 1 || outer.type !== bytesType) return;
    eachField(bytes, outer.from, outer.to, (field) => {
      if (field.number === 1 && field.type === varintType) {
        const value = readVarint64(bytes, { at: field.from }, field.to) ?? 0n;
        rejectedSpans = Number(BigInt.asIntN(64, value));
      } else if (field.number === 2 && field.type === bytesType) {
        message = bytes.toString('utf8', field.from, field.to);
      }
    });
  });
  return { rejectedSpans: Math.max(0, rejectedSpans), message };
};

/** The delay of the RetryInfo in a google.rpc.Status (`grpc-status-details-bin`), or null. */
export const decodeRetryDelayMs = (status: Buffer): number | null => {
  let delayMs: number | null = null;
  eachField(status, 0, status.length, (detail) => {
    if (detail.number !== 3 || detail.type !== bytesType) return;
    let isRetryInfo = false;
    eachField(status, detail.from, detail.to, (any) => {
      if (any.number === 1 && any.type === bytesType) {
        isRetryInfo = status.toString('utf8', any.from, any.to) === retryInfoType;
      } else if (any.number === 2 && any.type === bytesType && isRetryInfo) {
        let total = 0;
        eachField(status, any.from, any.to, (delay) => {
          if (delay.number !== 1 || delay.type !== bytesType) return;
          eachField(status, delay.from, delay.to, (part) => {
            if (part.type !== varintType) return;
            const value = Number(readVarint64(status, { at: part.from }, part.to) ?? 0n);
            total += part.number === 1 ? value * 1000 : value / 1e6;
          });
        });
        delayMs = total;
      }
    });
  });
  return delayMs;
};
