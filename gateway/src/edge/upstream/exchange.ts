/** One HTTP request to a provider through undici's `dispatch`, its errors already in our words. */
import type { Dispatcher } from 'undici';
import type { UpstreamDialectName } from '../../model/call.ts';
import { unreadable } from '../../model/delta.ts';
import type { Fault } from '../../model/fault.ts';
import { header, type ReceivedHeaders } from '../../model/headers.ts';
import type { Told } from '../../decide/told.ts';
import { turn } from '../turn.ts';
import { networkFault } from '../../decide/faults.ts';
import { maxErrorBytes, refusalFault, replyFault } from '../../translate/provider-error.ts';
import { wasClosedWhileIdle } from './connections.ts';
import { encodingOf, startInflater, type Inflater } from './inflate.ts';
import type { Upstream } from './upstream.ts';

/**
 * How long the rest of a reply is read and thrown away after its last event, so that its connection can serve again.
 * A server that means to end the reply does so within milliseconds.
 */
const reuseGraceMs = 500;

export interface ExchangeEvents {
  /** A connection takes the request now; until then nobody outside knows of it. May come during the call itself. */
  onSent(): void;
  /** Something arrived, whatever it is: the provider lives. */
  onAlive(): void;
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
  /** Breaks the connection. No event follows. */
  abort(): void;
  /** Nothing more is wanted of this reply: its rest is thrown away for a short while, then the connection is broken. */
  release(): void;
}

const aborted = new Error('no longer wanted');

const whenReplied = turn<() => void>((ends) => {
  for (const end of ends) end();
});

export interface ExchangeRequest {
  /** In which the provider says its errors. */
  readonly dialect: UpstreamDialectName;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Takes credentials out of what the provider says of an error. */
  readonly told: Told;
  /** Of a reply that came compressed, after that was undone. */
  readonly maxInflatedBytes: number;
}

/** Sends the request. Every event but `onSent` comes later, never during this call. */
export const startExchange = (
  { pool }: Pick<Upstream, 'pool'>,
  request: ExchangeRequest,
  events: ExchangeEvents,
): Exchange => {
  let controller: Dispatcher.DispatchController | null = null;
  let unwanted = false;
  /** Nobody listens any more. */
  let released = false;
  let grace: NodeJS.Timeout | undefined;
  let ended = false;
  let dispatching = true;
  let status = 0;
  let replyHeaders: ReceivedHeaders = {};
  let inflater: Inflater | null = null;
  let paused = false;
  /** Null while the reply is a success. */
  let errorBody: Buffer[] | null = null;
  let errorBytes = 0;
  /** The body ended as HTTP says it should. */
  let whole = false;

  const abort = (): void => {
    unwanted = true;
    released = true;
    inflater?.stop();
    controller?.abort(aborted);
  };
  const refused = (): Fault =>
    refusalFault(
      {
        status,
        headers: replyHeaders,
        body: Buffer.concat(errorBody ?? []),
        whole: whole && errorBytes <= maxErrorBytes,
      },
      request.dialect,
      request.told,
      Date.now(),
    );
  const fault = (what: Fault): void => {
    if (released) return;
    released = true;
    events.onFault(what);
  };
  const stop = (): void => {
    ended = true;
    clearTimeout(grace);
  };
  const fail = (error: Error): void => {
    inflater?.stop();
    // The status had said it already; a body that breaks off changes nothing.
    fault(
      errorBody === null
        ? networkFault(error, {
            status,
            begun: events.hasBegun(),
            wasUnread: wasClosedWhileIdle(error),
          })
        : refused(),
    );
  };
  const finish = (): void => {
    if (released) return;
    whole = true;
    try {
      if (errorBody === null) events.onEnd();
      else fault(refused());
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const take = (bytes: Buffer): void => {
    if (released) return;
    if (errorBody === null) events.onData(bytes);
    else if (errorBytes < maxErrorBytes) {
      errorBody.push(bytes.subarray(0, maxErrorBytes - errorBytes));
      errorBytes += bytes.length;
    }
  };
  const unwelcome = (type: 'invalid_reply' | 'reply_too_large', message: string): void => {
    const { told } = request;
    const reply = { status, dialect: request.dialect, told };
    const what = errorBody === null ? unreadable(type, message) : null;
    fault(what === null ? refused() : replyFault(what, reply, events.hasBegun()));
    abort();
  };
  const inflate = (name: string): Inflater =>
    startInflater(name, request.maxInflatedBytes, {
      onData: take,
      onEnd: () => whenReplied.add(finish),
      onDrained: () => {
        if (!paused) controller?.resume();
      },
      onFailed: (why) => {
        if (why === 'garbled')
          unwelcome('invalid_reply', "The provider's reply could not be decompressed.");
        else
          unwelcome(
            'reply_too_large',
            `The provider's reply is larger than ${request.maxInflatedBytes} bytes when decompressed (limits.reply).`,
          );
      },
    });

  pool.dispatch(
    { path: request.path, method: 'POST', headers: request.headers, body: request.body },
    {
      onRequestStart(started) {
        controller = started;
        if (unwanted) started.abort(aborted);
        else events.onSent();
      },
      onResponseStart(_controller, statusCode, headers) {
        events.onAlive();
        // Early hints and their like: the reply itself is still to come.
        if (statusCode < 200) return;
        status = statusCode;
        replyHeaders = headers;
        const encoding = encodingOf(header(headers, 'content-encoding'));
        if (typeof encoding === 'object') inflater = inflate(encoding.name);
        if (statusCode >= 300) {
          errorBody = [];
          // What cannot be read is not kept.
          if (encoding === 'unknown') errorBytes = maxErrorBytes + 1;
        } else if (encoding === 'unknown') {
          unwelcome('invalid_reply', 'The provider compressed its reply in an unknown way.');
        } else events.onReply(statusCode, headers);
      },
      onResponseData(_controller, chunk) {
        // The library's parser gives an empty chunk when it resumes where nothing has come yet.
        if (released || chunk.length === 0) return;
        events.onAlive();
        if (inflater === null) take(chunk);
        else if (!inflater.write(chunk)) controller?.pause();
      },
      onResponseEnd() {
        stop();
        if (inflater === null) whenReplied.add(finish);
        else inflater.end();
      },
      onResponseError(_controller, error) {
        stop();
        // A closed pool says so at once, before its caller holds the exchange.
        if (dispatching) queueMicrotask(() => fail(error));
        else fail(error);
      },
    },
  );
  dispatching = false;
  return {
    pause() {
      paused = true;
      inflater?.pause();
      controller?.pause();
    },
    resume() {
      paused = false;
      inflater?.resume();
      controller?.resume();
    },
    abort,
    release() {
      if (released) return;
      released = true;
      inflater?.stop();
      if (ended) return;
      grace = setTimeout(abort, reuseGraceMs);
      controller?.resume();
    },
  };
};
