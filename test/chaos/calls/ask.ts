/** One call of a client that remembers what it was told. */
import http from 'node:http';
import type { Asked } from './evidence.ts';
import { codeOfBreak, endOf, usageOf, type Heard } from './heard.ts';
import type { Planned } from './plan.ts';

const header = (headers: http.IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
};

const isRefusal = (error: Error): boolean => 'code' in error && error.code === 'ECONNREFUSED';

/** Makes a call as planned and reads its reply, or hangs up. Null: nobody listens, or it left before it had asked: it was no call. */
export const ask = (
  { port, agent }: { readonly port: number; readonly agent: http.Agent },
  planned: Planned,
): Promise<Asked | null> => {
  const { promise, resolve } = Promise.withResolvers<Asked | null>();
  const { trace, dialect, stream, tagged, hangUp, headers, path } = planned;
  const startedAtMs = Date.now();
  const chunks: Buffer[] = [];
  let head: http.IncomingMessage | null = null;
  let bodyBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  /** The whole request was handed to the system, on a connection. */
  let isSent = false;

  /** The first word about the end of a call counts. */
  const over = (by: Heard['by']): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    const status = head?.statusCode ?? 0;
    const told = (name: string): string | null =>
      head === null ? null : header(head.headers, name);
    const length = told('content-length');
    const text = Buffer.concat(chunks).toString();
    const lengthBytes = length === null ? null : Number(length);
    const heard = { dialect, stream, status, lengthBytes, bodyBytes, text, by };
    const end = endOf(heard);
    resolve({
      trace,
      startedAtMs,
      endedAtMs: Date.now(),
      stream,
      tagged,
      end,
      status,
      code: end === 'break' ? codeOfBreak(text) : (told('x-tollgate-error-code') ?? ''),
      callId: told('x-tollgate-call-id') ?? '',
      costUsd: told('x-tollgate-cost-usd'),
      usage: usageOf(heard),
      bodyBytes,
    });
  };
  const request = http.request({
    host: '127.0.0.1',
    port,
    agent,
    method: 'POST',
    path,
    headers: { ...headers, 'content-length': Buffer.byteLength(planned.body) },
  });
  const leave = (): void => {
    if (isSent) over('client');
    else resolve(null);
    request.destroy();
  };
  request.on('finish', () => {
    isSent = true;
  });
  if (hangUp !== null) timer = setTimeout(leave, hangUp.afterMs);
  request.on('error', (error) => {
    if (isRefusal(error)) {
      clearTimeout(timer);
      resolve(null);
    } else over('break');
  });
  request.on('response', (response) => {
    head = response;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bodyBytes += chunk.length;
      if (hangUp !== null && bodyBytes >= hangUp.afterBytes) leave();
    });
    response.on('end', () => over('end'));
    response.on('error', () => over('break'));
    response.on('close', () => over('break'));
  });
  request.end(planned.body);
  return promise;
};
