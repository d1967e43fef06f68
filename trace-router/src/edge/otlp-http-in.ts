/**
 * OTLP/HTTP: POST /v1/traces with protobuf or JSON, the answer in the same.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
import type http from 'node:http';
import type { RouterConfig } from '../config/config.ts';
import type { Answer } from '../model/answer.ts';
import { guardedServer, type Guard } from '@tollgate/listener/edge/guard.ts';
import type { Intake } from './intake.ts';
import type { RequestMemory } from './request-memory.ts';
import { metricsPath, protobufType, tracesPath } from '../otlp/paths.ts';
import type { MetricsForward } from './metrics-forward.ts';
import {
  encodeResponse,
  encodeStatus,
  refusals,
  responseJson,
  statusJson,
} from '../otlp/answer.ts';

type Format = 'protobuf' | 'json';
const jsonType = 'application/json';
const retryAfter = (answer: Answer): Record<string, string> =>
  answer.kind === 'busy'
    ? { 'retry-after': String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000))) }
    : {};

const formatOf = (contentType: string | undefined): Format | null => {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  return type === protobufType ? 'protobuf' : type === jsonType ? 'json' : null;
};

const reply = (
  response: http.ServerResponse,
  format: Format,
  answer: Answer,
  status = answer.kind === 'accepted' ? 200 : refusals[answer.kind].http,
): void => {
  const body =
    answer.kind === 'accepted'
      ? format === 'json'
        ? responseJson(answer)
        : encodeResponse(answer)
      : format === 'json'
        ? statusJson(answer)
        : encodeStatus(answer);
  response.writeHead(status, {
    'content-type': format === 'json' ? jsonType : protobufType,
    'content-length': Buffer.byteLength(body),
    ...retryAfter(answer),
  });
  response.end(body);
};

/** The whole body, or why it was not read to its end. Null: the client went away. */
const readBody = (
  request: http.IncomingMessage,
  memory: RequestMemory,
): Promise<Buffer | Answer | null> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      const refused = memory.grow(chunk.length);
      if (refused === null) chunks.push(chunk);
      else {
        request.pause();
        resolve(refused);
      }
    });
    request.on('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    request.on('error', () => resolve(null));
    request.on('close', () => resolve(null));
  });

/** A server, not listening yet. */
export const otlpHttpIn = (
  intake: Intake,
  forwardMetrics: MetricsForward,
  limits: RouterConfig['receive'],
  guard: Guard,
): http.Server => {
  const answerTo = async (
    request: http.IncomingMessage,
    response: http.ServerResponse,
    memory: RequestMemory,
  ): Promise<void> => {
    const format = formatOf(request.headers['content-type']);
    const refuse = (status: number, message: string) => {
      // the rest of the body is not worth reading
      response.setHeader('connection', 'close');
      reply(response, format ?? 'json', { kind: 'unsupported', message }, status);
    };
    const path = request.url?.split('?', 1)[0];
    const passOn = path === metricsPath ? forwardMetrics.send : null;
    if (path !== tracesPath && passOn === null) {
      if (path === metricsPath) forwardMetrics.refuse();
      return refuse(404, `no such path; traces go to POST ${tracesPath}`);
    }
    if (request.method !== 'POST') return refuse(405, 'only POST');
    if (format === null) return refuse(415, `content-type must be ${protobufType} or ${jsonType}`);
    if (Number(request.headers['content-length'] ?? 0) > limits.maxBodyBytes) {
      response.setHeader('connection', 'close');
      const message = `more than ${limits.maxBodyBytes} bytes`;
      return reply(response, format, { kind: 'too_large', message });
    }
    const body = await readBody(request, memory);
    if (body === null) return;
    if (!Buffer.isBuffer(body)) {
      response.setHeader('connection', 'close');
      return reply(response, format, body);
    }
    const encoding = (request.headers['content-encoding'] ?? '').toLowerCase();
    if (passOn !== null) {
      const plain = await intake.inflated(body, encoding);
      const type = format === 'json' ? jsonType : protobufType;
      return reply(response, format, Buffer.isBuffer(plain) ? await passOn(plain, type) : plain);
    }
    reply(
      response,
      format,
      await intake.receive({ protocol: 'http', body, encoding, format, deadlineMs: null, memory }),
    );
  };

  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const memory = intake.memory();
    await answerTo(request, response, memory);
    memory.release();
  };
  const server = guardedServer(
    { keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 60_000 },
    (request, response) => void serve(request, response),
    guard,
  );
  server.maxConnections = limits.maxConnections;
  return server;
};
