/** The HTTP side: requests in, replies and errors out, and a clean end. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readBody } from './body.ts';
import type { Counters } from './counters.ts';
import { chooseEncoding, encoder } from './codec.ts';
import { fromEngine, httpStatus, isPassing, render } from './errors.ts';
import { contentType } from './formats.ts';
import { guardedServer, type Guard } from '@tollgate/listener/edge/guard.ts';
import type { Keeper } from './keeper.ts';
import { parseRequest } from './request.ts';
import type { Reply, Summary } from './execute.ts';
import { run } from './run.ts';
import type { Runner } from './run.ts';
import { watchPace } from './watchdog.ts';
import { authenticate } from './users.ts';
import type { Users } from './users.ts';

export interface ServerOptions extends Runner {
  readonly engine: Keeper;
  readonly counters: Counters;
  readonly users: Users;
  readonly host: string;
  /** Which requests are served at all. */
  readonly guard: Guard;
  /** 0: any free one. */
  readonly port: number;
}

export interface ClickhouseServer {
  readonly port: number;
  /** Stops accepting, waits `drainMs` for running queries, cancels the rest, then closes. True when all of them ended. */
  readonly stop: () => Promise<boolean>;
}

/** ClickHouse's own limit for a request's address; settings and short queries travel in it. */
const maxHeaderBytes = 1024 ** 2;

const summaryHeader = (summary: Summary): string =>
  JSON.stringify({
    read_rows: String(summary.readRows),
    read_bytes: String(summary.readBytes),
    written_rows: String(summary.writtenRows),
    written_bytes: String(summary.writtenBytes),
    total_rows_to_read: '0',
    result_rows: String(summary.resultRows),
    result_bytes: String(summary.resultBytes),
    elapsed_ns: String(Math.round(summary.elapsedMs * 1e6)),
  });

const plain = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
};

/** Sends a result. One that is fetched too slowly, or not at all, is cut off: it takes room on the disk. */
const send = async (
  { limits, counters }: ServerOptions,
  response: ServerResponse,
  reply: Reply,
  accepts: string,
): Promise<void> => {
  const { rows, format, summary } = reply;
  response.setHeader('content-type', contentType(format));
  response.setHeader('x-clickhouse-format', format);
  response.setHeader('x-clickhouse-summary', summaryHeader(summary));
  const encoding = chooseEncoding(accepts);
  if (encoding === null) response.setHeader('content-length', summary.resultBytes);
  else response.setHeader('content-encoding', encoding);
  if (rows.kind === 'bytes' && rows.bytes.length === 0) {
    response.removeHeader('content-encoding');
    response.setHeader('content-length', 0);
    response.end();
    return;
  }
  const stored = rows.kind === 'file' ? createReadStream(rows.file) : null;
  const source = stored ?? Readable.from([rows.kind === 'file' ? '' : rows.bytes]);
  const startedMs = performance.now();
  // What lies in memory is one piece; for it the time in all must do.
  const bytes = () => stored?.bytesRead ?? Infinity;
  const late = new AbortController();
  const stop = watchPace(limits, { bytes, waitedMs: () => performance.now() - startedMs }, () => {
    counters.add('refused', 'slow_reader');
    late.abort();
  });
  try {
    const { signal } = late;
    await (encoding === null
      ? pipeline(source, response, { signal })
      : pipeline(source, encoder(encoding), response, { signal }));
  } finally {
    stop();
  }
};

/** How many requests are being answered, and who waits for the last of them. */
interface Answering {
  running: number;
  wake: (() => void) | null;
}

/** What this process counts, and what the engine's process holds. */
const metrics = ({ counters, engine }: ServerOptions): string => {
  const running = engine.running();
  return counters.render({
    engine_up: running === null ? 0 : 1,
    engine_pid: running?.pid ?? 0,
    engine_resident_bytes: running?.rssBytes() ?? 0,
    engine_walled: running?.wall === 'up' ? 1 : 0,
  });
};

const headerOf = (request: IncomingMessage) => (name: string) => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
};

/** One request to `/`. @throws Refusal */
const answer = async (
  { on, answering }: { readonly on: ServerOptions; readonly answering: Answering },
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> => {
  const { limits } = on;
  const hungUp = new AbortController();
  response.once('close', () => hungUp.abort());
  const header = headerOf(request);
  const query = parseRequest({ method: request.method ?? '', url, header }, limits.parameters);
  response.setHeader('x-clickhouse-query-id', query.queryId ?? randomUUID());
  // A server answers a bare GET, so that a browser or a probe sees that it is there.
  if (query.readonly && query.sql === '') {
    plain(response, 200, 'Ok.\n');
    return;
  }
  const user = authenticate(on.users, query);
  answering.running += 1;
  try {
    const { queryBytes: headBytes } = limits;
    const body = await readBody(request, query.bodyEncoding, { ...limits, headBytes });
    const reply = await run(on, { query, user, body, signal: hungUp.signal });
    try {
      await send(on, response, reply, query.accepts);
    } finally {
      if (reply.rows.kind === 'file') await reply.rows.release();
    }
  } finally {
    answering.running -= 1;
    if (answering.running === 0) answering.wake?.();
  }
};

const fail = (
  { engine, counters }: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void => {
  const refused = fromEngine(error);
  if (refused.symbol === 'MEMORY_LIMIT_EXCEEDED') counters.add('refused', 'query_memory');
  // Half an answer is on its way, or nobody listens: a broken connection is the only honest end.
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const name of ['content-encoding', 'content-length', 'x-clickhouse-format']) {
    response.removeHeader(name);
  }
  response.setHeader('x-clickhouse-exception-code', refused.code);
  if (isPassing(refused)) response.setHeader('retry-after', 1);
  // What is left of a body we do not want would be read as the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  plain(response, httpStatus(refused.code), render(refused, engine.version));
};

/** How long cancelled queries may take to notice. */
const cancelMs = 5000;

/** Waits until no query runs. False: time was over first. */
const idleWithin = async (answering: Answering, withinMs: number): Promise<boolean> => {
  if (answering.running === 0) return true;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), withinMs);
    answering.wake = () => {
      clearTimeout(timer);
      resolve(true);
    };
  });
};

/** Starts to serve. @throws the socket's error when the address cannot be had. */
export const startServer = async (on: ServerOptions): Promise<ClickhouseServer> => {
  const { engine, limits } = on;
  const answering: Answering = { running: 0, wake: null };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('x-clickhouse-server-display-name', engine.displayName);
    response.setHeader('x-clickhouse-timezone', engine.timezone);
    try {
      const url = new URL(request.url ?? '/', 'http://clickhouse.invalid');
      const { pathname } = url;
      if (pathname === '/ping' || pathname === '/replicas_status') plain(response, 200, 'Ok.\n');
      else if (pathname === '/metrics') plain(response, 200, metrics(on));
      else if (pathname !== '/') plain(response, 404, `There is no handle ${pathname}\n`);
      else if (['GET', 'HEAD', 'POST'].includes(request.method ?? '')) {
        await answer({ on, answering }, request, response, url);
      } else plain(response, 405, `Method ${request.method ?? ''} is not supported\n`);
    } catch (error) {
      fail(on, request, response, error);
    }
  };

  const server = guardedServer(
    { maxHeaderSize: maxHeaderBytes, keepAliveTimeout: 30_000 },
    (request, response) => void handle(request, response),
    on.guard,
  );
  // How long a body may take is watched while it is read (body.ts); how long its head may take, by Node.
  server.requestTimeout = 0;
  server.maxConnections = limits.connections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(on.port, on.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');

  return {
    port: address.port,
    async stop() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      let ended = await idleWithin(answering, limits.drainMs);
      if (!ended) {
        // Past their time, queries are cancelled; an insert that was cut is in the table wholly or not at all.
        await engine.cancel({ kind: 'all' }).catch(() => {});
        ended = await idleWithin(answering, cancelMs);
      }
      server.closeAllConnections();
      await closed;
      on.sessions.closeAll();
      return ended;
    },
  };
};
