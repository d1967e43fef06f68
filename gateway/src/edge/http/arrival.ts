/** A request as it arrives, before anything is decided about it. */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DialectName, Operation } from '../../model/call.ts';
import { traceContext } from '../../decide/trace-context.ts';
import type { Arrival } from '../../model/arrival.ts';
import { header } from '../../model/headers.ts';
import { spanId, traceId, uuid7 } from '../ids.ts';

/**
 * A header whose value people write: Node reads header bytes as Latin-1, clients send UTF-8. What is no UTF-8 stays as
 * it was read.
 */
export const writtenHeader = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = header(headers, name);
  if (value === undefined || !/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
};

const fresh = { traceId, spanId };

/** Gives a request its ids and its place in a trace. */
export const arrive = (
  request: IncomingMessage,
  dialect: DialectName,
  operation: Operation,
): Arrival => {
  const startedAtMs = Date.now();
  return {
    id: uuid7(startedAtMs),
    startedAtMs,
    startedMs: performance.now(),
    operation,
    dialect,
    trace: traceContext(
      header(request.headers, 'traceparent'),
      header(request.headers, 'tracestate'),
      fresh,
    ),
  };
};
