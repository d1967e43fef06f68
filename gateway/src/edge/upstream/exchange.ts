/** One HTTP request to a provider through undici's `dispatch`, its errors already in our words. */
import type { Dispatcher } from 'undici';
import type { Fault } from '../../model/fault.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { header } from '../http/arrival.ts';
import { turn } from '../turn.ts';
import { networkFault, retryAfterMs, statusFault } from './faults.ts';
import type { Provider } from '../../providers/provider.ts';
import type { Upstream } from './upstream.ts';

/** Kept of an error's body. */
const maxErrorBytes = 64 * 1024;

export interface ExchangeEvents {
  /** A reply with a status of success has begun. */
  onReply(status: number, contentType: string): void;
  onData(chunk: Buffer): void;
  /** The body of the reply ended as HTTP says it should. */
  onEnd(): void;
  /** An error status with its whole body, or a connection that failed. The last event. */
  onFault(fault: Fault): void;
  /** The reply has content already: a failing connection then cuts it. */
  hasBegun(): boolean;
}

export interface Exchange {
  pause(): void;
  resume(): void;
  abort(): void;
}

const aborted = new Error('no longer wanted');

const whenReplied = turn<() => void>((ends) => {
  for (const end of ends) end();
});

/** Sends the request. Every event comes later, never during this call. */
export const startExchange = (
  upstream: Pick<Upstream, 'pool'> & { readonly provider: Pick<Provider, 'dialect'> },
  request: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  },
  events: ExchangeEvents,
): Exchange => {
  let controller: Dispatcher.DispatchController | null = null;
  let unwanted = false;
  let dispatching = true;
  let status = 0;
  let waitMs: number | null = null;
  /** Null while the reply is a success. */
  let errorBody: Buffer[] | null = null;
  let errorBytes = 0;

  const refused = (): Fault => {
    const body = Buffer.concat(errorBody ?? []).toString('utf8');
    return statusFault(status, dialects[upstream.provider.dialect].readError(body), waitMs);
  };

  const fail = (error: Error): void => {
    // The status had said it already; a body that breaks off changes nothing.
    events.onFault(errorBody === null ? networkFault(error, status, events.hasBegun()) : refused());
  };
  const end = (): void => {
    try {
      if (errorBody === null) events.onEnd();
      else events.onFault(refused());
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  };

  upstream.pool.dispatch(
    { path: request.path, method: 'POST', headers: request.headers, body: request.body },
    {
      onRequestStart(started) {
        controller = started;
        if (unwanted) started.abort(aborted);
      },
      onResponseStart(_controller, statusCode, headers) {
        // Early hints and their like: the reply itself is still to come.
        if (statusCode < 200) return;
        status = statusCode;
        if (statusCode >= 200 && statusCode < 300) {
          events.onReply(statusCode, header(headers, 'content-type') ?? '');
          return;
        }
        errorBody = [];
        waitMs = retryAfterMs(header(headers, 'retry-after'), Date.now());
      },
      onResponseData(_controller, chunk) {
        if (errorBody === null) events.onData(chunk);
        else if (errorBytes < maxErrorBytes) {
          errorBody.push(chunk.subarray(0, maxErrorBytes - errorBytes));
          errorBytes += chunk.length;
        }
      },
      onResponseEnd() {
        whenReplied.add(end);
      },
      onResponseError(_controller, error) {
        // A closed pool says so at once, before its caller holds the exchange.
        if (dispatching) queueMicrotask(() => fail(error));
        else fail(error);
      },
    },
  );
  dispatching = false;
  return {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort() {
      unwanted = true;
      controller?.abort(aborted);
    },
  };
};
