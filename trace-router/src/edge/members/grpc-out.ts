import http2 from 'node:http2';
import type { MemberConfig } from '../../config/config.ts';
import { decodeGrpcMessage, frameHeader, readFrame } from '../../otlp/grpc-frames.ts';
import { deflate } from '../inflate.ts';
import { decodeResponse, decodeRetryDelayMs } from '../../otlp/answer.ts';
import { exportPath } from '../../otlp/paths.ts';
import { textOf } from './member.ts';
import type { Sent, Transport } from './member.ts';

const resourceExhausted = 8;
/** INVALID_ARGUMENT, and INTERNAL: what grpc-go answers to bytes it cannot unmarshal. */
const aboutTheBytes = new Set([3, 13]);
/** Default windows of 64 KiB would stop a message of 1 MiB sixteen times. */
const windowBytes = 4 * 1024 * 1024;
const maxReplyBytes = 4 * 1024 * 1024;

type Headers = http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;

const judgeStatus = (trailers: Headers, body: Buffer): Sent => {
  const code = Number(trailers['grpc-status'] ?? 2);
  if (code === 0) {
    const frame = readFrame(body);
    return { kind: 'taken', ...decodeResponse(frame?.message ?? Buffer.alloc(0)) };
  }
  const message = `gRPC ${code} ${decodeGrpcMessage(String(trailers['grpc-message'] ?? ''))}`;
  const details = trailers['grpc-status-details-bin'];
  const afterMs =
    typeof details === 'string' ? decodeRetryDelayMs(Buffer.from(details, 'base64')) : null;
  // too large once is too large always, unless the member names a time to come back
  if (code === resourceExhausted && afterMs === null) return { kind: 'refused', message };
  return aboutTheBytes.has(code)
    ? { kind: 'refused', message }
    : { kind: 'later', afterMs, message };
};

/** OTLP/gRPC to one member, over one HTTP/2 connection that is opened again when it ends. */
export const grpcOut = (
  member: MemberConfig,
  limits: { readonly timeoutMs: number; readonly inFlight: number },
): Transport => {
  let session: http2.ClientHttp2Session | null = null;
  const authority = new URL(member.address).origin;
  const connected = (): http2.ClientHttp2Session => {
    if (session !== null && !session.closed && !session.destroyed) return session;
    const fresh = http2.connect(authority, { settings: { initialWindowSize: windowBytes } });
    fresh.on('connect', () => fresh.setLocalWindowSize(windowBytes));
    // The streams on it fail by themselves; without a listener the process would end.
    fresh.on('error', () => fresh.destroy());
    fresh.on('goaway', () => {
      if (session === fresh) session = null;
      fresh.close();
    });
    session = fresh;
    return fresh;
  };
  const headers = {
    ':method': 'POST',
    ':path': exportPath,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${limits.timeoutMs}m`,
    ...(member.compression === 'none' ? {} : { 'grpc-encoding': member.compression }),
  };
  const attempt = (message: Buffer, resolve: (sent: Sent) => void): void => {
    const body = deflate(message, member.compression);
    const stream = connected().request(headers);
    const chunks: Buffer[] = [];
    let size = 0;
    let last: Headers = {};
    stream.setTimeout(limits.timeoutMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
    stream.on('response', (received) => {
      last = received;
    });
    stream.on('trailers', (received) => {
      last = { ...last, ...received };
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxReplyBytes) stream.close(http2.constants.NGHTTP2_CANCEL);
      else chunks.push(chunk);
    });
    stream.on('error', (error) =>
      resolve({ kind: 'later', afterMs: null, message: textOf(error) }),
    );
    stream.on('close', () => {
      const status = last[':status'];
      if (last['grpc-status'] !== undefined) resolve(judgeStatus(last, Buffer.concat(chunks)));
      else {
        const reason = status === undefined ? 'no answer' : `HTTP ${status} without grpc-status`;
        resolve({ kind: 'later', afterMs: null, message: reason });
      }
    });
    stream.write(frameHeader(body.length, member.compression !== 'none'));
    stream.end(body);
  };
  return {
    send: (message) =>
      new Promise((resolve) => {
        try {
          attempt(message, resolve);
        } catch (error) {
          // the session ended between our look at it and the request
          resolve({ kind: 'later', afterMs: null, message: textOf(error) });
        }
      }),
    async close() {
      session?.destroy();
    },
  };
};
