/** One HTTP request to a provider through undici's `dispatch`, its errors already in our words. */
import type { Dispatcher } from 'undici';
import type { Fault } from '../../model/fault.ts';
import type { ReceivedHeaders } from '../../decide/reply-headers.ts';
import type { Scrub } from '../../decide/scrub.ts';
import { turn } from '../turn.ts';
import { networkFault } from './faults.ts';
import { maxErrorBytes, refusalFault } from './refusal.ts';
import type { Provider } from '../../providers/provider.ts';
import type { Upstream } from './upstream.ts';

export interface ExchangeEvents {
  /** A reply with a status of success has begun. */
  onReply(status: number, headers: ReceivedHeaders): void;
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
    /** Takes credentials out of what the provider says of an error. */
    readonly clean: Scrub;
  },
  events: ExchangeEvents,
): Exchange => {
  let controller: Dispatcher.DispatchController | null = null;
  let unwanted = false;
  let dispatching = true;
  let status = 0;
  let replyHeaders: ReceivedHeaders = {};
  /** Null while the reply is a success. */
  let errorBody: Buffer[] | null = null;
  let errorBytes = 0;
  /** The body ended as HTTP says it should. */
  let whole = false;

  const refused = (): Fault =>
    refusalFault(
      {
        status,
        headers: replyHeaders,
        body: Buffer.concat(errorBody ?? []),
        whole: whole && errorBytes <= maxErrorBytes,
      },
      upstream.provider.dialect,
      request.clean,
      Date.now(),
    );

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
        replyHeaders = headers;
        if (statusCode >= 200 && statusCode < 300) events.onReply(statusCode, headers);
        else errorBody = [];
      },
      onResponseData(_controller, chunk) {
        if (errorBody === null) events.onData(chunk);
        else if (errorBytes < maxErrorBytes) {
          errorBody.push(chunk.subarray(0, maxErrorBytes - errorBytes));
          errorBytes += chunk.length;
        }
      },
      onResponseEnd() {
        whole = true;
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
