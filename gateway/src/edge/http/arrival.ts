/** A request as it arrives, before anything is decided about it. */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DialectName, Operation } from '../../model/call.ts';
import { traceContext } from '../../decide/trace-context.ts';
import type { CallFacts, Identity, TraceContext } from '../../model/settlement.ts';
import type { Ask, Caller } from '../../model/call.ts';
import { spanId, traceId, uuid7 } from '../ids.ts';

/** A header's text; of a repeated one, the first. */
export const header = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
};

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

export interface Arrival {
  readonly id: string;
  /** Wall clock of arrival, epoch milliseconds. */
  readonly startedAtMs: number;
  /** Monotonic clock of arrival. */
  readonly startedMs: number;
  readonly operation: Operation;
  readonly dialect: DialectName;
  readonly trace: TraceContext;
}

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

export const nobody: Identity = { agent: '', session: '', user: '', tags: {} };

/** What the settlement says of the call, as far as it was understood. */
export const factsOf = (
  arrival: Arrival,
  caller: Caller | null,
  said: { readonly identity: Identity; readonly ask: Ask | null },
): CallFacts => ({
  id: arrival.id,
  startedAtMs: arrival.startedAtMs,
  operation: arrival.operation,
  dialect: arrival.dialect,
  caller,
  trace: arrival.trace,
  identity: said.identity,
  ask: said.ask,
});
