/** The real router as a process on free ports, and clients for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { startProgram } from '../fakes/process.ts';
import type { Program } from '../fakes/process.ts';
import { rawTraceService } from '../fakes/otlp-sink.ts';
import type { OtlpSink } from '../fakes/otlp-sink.ts';
import { encodeRequest } from './otlp-proto.ts';

export const routerEntry = path.resolve(import.meta.dirname, '../../trace-router/src/main.ts');

export interface RunningRouter extends Program {
  readonly http: string;
  readonly grpcAddress: string;
  readonly admin: string;
  readonly configPath: string;
  metrics(): Promise<string>;
  /** The value of one series, 0 when it is not there. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** JSON is YAML. */
export const startRouter = async (
  config: Readonly<Record<string, unknown>>,
  clickhouse: {
    readonly url: string;
    readonly user: string;
    readonly password: string;
  } | null = null,
  args: readonly string[] = [],
): Promise<RunningRouter> => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-router-'));
  const file = path.join(dir, 'router.yaml');
  writeFileSync(file, JSON.stringify(config));
  const program = await startProgram(
    routerEntry,
    {
      TOLLGATE_ROUTER_CONFIG: file,
      TOLLGATE_OTLP_GRPC_PORT: '0',
      TOLLGATE_OTLP_HTTP_PORT: '0',
      TOLLGATE_ROUTER_ADMIN_PORT: '0',
      TOLLGATE_CLICKHOUSE_URL: clickhouse?.url ?? 'http://127.0.0.1:9',
      TOLLGATE_CLICKHOUSE_USER: clickhouse?.user ?? 'default',
      TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse?.password ?? '',
    },
    args,
  );
  void program.gone.then(() => rmSync(dir, { recursive: true, force: true }));
  const { ready } = program;
  const admin = `http://127.0.0.1:${String(ready['adminPort'])}`;
  const metrics = async () => (await fetch(`${admin}/metrics`)).text();
  return {
    ...program,
    http: `http://127.0.0.1:${String(ready['httpPort'])}`,
    grpcAddress: `127.0.0.1:${String(ready['grpcPort'])}`,
    admin,
    configPath: file,
    metrics,
    async metric(name, labels = {}) {
      const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
      const line = (await metrics())
        .split('\n')
        .find(
          (text) =>
            (text.startsWith(`${name}{`) || text.startsWith(`${name} `)) &&
            wanted.every((label) => text.includes(label)),
        );
      return Number(line?.split(' ').at(-1) ?? 0);
    },
  };
};

/** Members of a configuration, named `a`, `b`, ... in the order of the sinks. */
export const membersFor = (sinks: readonly OtlpSink[]) =>
  sinks.map(({ protocol, address }, i) => ({
    name: String.fromCharCode(97 + i),
    protocol,
    address,
  }));

export const hexId = (seed: number, bytes: number): string => {
  let out = '';
  let x = seed * 2654435761 + 12345;
  for (let i = 0; i < bytes; i += 1) {
    x = (Math.imul(x ^ (x >>> 15), 2246822519) + i * 40503) | 0;
    out += ((x >>> 11) & 255).toString(16).padStart(2, '0');
  }
  return out;
};

export interface SpanSpec {
  readonly trace: number;
  readonly span: number;
  readonly parent?: number;
  readonly startMs?: number;
  readonly durationMs?: number;
  readonly status?: number;
  readonly attributes?: readonly Record<string, unknown>[];
}

export const traceIdOf = (trace: number): string => hexId(trace, 16);
export const spanIdOf = (span: number): string => hexId(span + 77_000_000, 8);

/** A request with these spans in one resource and scope. */
export const requestOf = (
  spans: readonly SpanSpec[],
  resource: readonly Record<string, unknown>[] = [
    { key: 'service.name', value: { stringValue: 'shop' } },
  ],
): Buffer =>
  encodeRequest({
    resourceSpans: [
      {
        resource: { attributes: resource },
        scopeSpans: [
          {
            scope: { name: 'test', version: '1' },
            spans: spans.map(
              ({
                trace,
                span,
                parent,
                startMs = 1_790_000_000_000,
                durationMs = 5,
                status = 0,
                attributes = [],
              }) => ({
                traceId: Buffer.from(traceIdOf(trace), 'hex'),
                spanId: Buffer.from(spanIdOf(span), 'hex'),
                ...(parent === undefined
                  ? {}
                  : { parentSpanId: Buffer.from(spanIdOf(parent), 'hex') }),
                name: `span ${span}`,
                kind: 3,
                startTimeUnixNano: `${startMs}000000`,
                endTimeUnixNano: `${startMs + durationMs}000000`,
                attributes,
                status: { code: status },
              }),
            ),
          },
        ],
      },
    ],
  });

/** Spans `from` to `to`, eight to a trace. */
export const manySpans = (from: number, to: number): Buffer =>
  requestOf(
    Array.from({ length: to - from }, (_, i) => ({
      trace: Math.floor((from + i) / 8),
      span: from + i,
    })),
  );

export const postTraces = (
  base: string,
  body: Buffer | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`${base}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body,
  });

export interface GrpcReply {
  readonly code: number;
  readonly details: string;
  readonly body: Buffer;
  readonly metadata: grpc.Metadata;
}

const RawClient = grpc.makeGenericClientConstructor(rawTraceService, 'raw');

/** A raw grpc-js client; `close` it. */
export const grpcClient = (address: string, options: grpc.ClientOptions = {}) => {
  const client = new RawClient(address, grpc.credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    ...options,
  });
  return {
    close: () => client.close(),
    send: (body: Buffer, call: grpc.CallOptions = {}, path: string = rawTraceService.export.path) =>
      new Promise<GrpcReply>((resolve) => {
        client.makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          body,
          new grpc.Metadata(),
          { deadline: Date.now() + 120_000, ...call },
          (error, reply) =>
            resolve(
              error === null
                ? {
                    code: 0,
                    details: '',
                    body: reply ?? Buffer.alloc(0),
                    metadata: new grpc.Metadata(),
                  }
                : {
                    code: error.code,
                    details: error.details,
                    body: Buffer.alloc(0),
                    metadata: error.metadata,
                  },
            ),
        );
      }),
  };
};

/** Waits until `holds` answers true; fails after a generous time. */
export const until = async (
  holds: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> => {
  for (let tries = 0; tries < 6000; tries += 1) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`did not happen: ${what}`);
};
