/** One HTTP request to a provider through undici's `dispatch`, its errors already in our words. */
import type { Dispatcher } from 'undici';
import type { UpstreamDialectName } from '../../dialects/registry.ts';
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
  const exchange = new RunningExchange(request, events);
  const { path, headers, body } = request;
  pool.dispatch({ path, method: 'POST', headers, body }, exchange);
  exchange.isDispatched();
  return exchange;
};

/** An exchange that goes on; the library calls its `onRequest...` and `onResponse...`. */
class RunningExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #events: ExchangeEvents;
  #controller: Dispatcher.DispatchController | null = null;
  #isDispatching = true;
  #isUnwanted = false;
  /** Nobody listens any more. */
  #isReleased = false;
  #isPaused = false;
  #grace: NodeJS.Timeout | undefined;
  /** The library has said its last. */
  #hasEnded = false;
  #status = 0;
  #headers: ReceivedHeaders = {};
  #inflater: Inflater | null = null;
  /** Null while the reply is a success. */
  #errorBody: Buffer[] | null = null;
  #errorBytes = 0;
  /** The body ended as HTTP says it should. */
  #isWhole = false;

  constructor(request: ExchangeRequest, events: ExchangeEvents) {
    this.#request = request;
    this.#events = events;
  }

  isDispatched(): void {
    this.#isDispatching = false;
  }

  pause(): void {
    this.#isPaused = true;
    this.#inflater?.pause();
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#inflater?.resume();
    this.#controller?.resume();
  }

  abort(): void {
    this.#isUnwanted = true;
    this.#isReleased = true;
    this.#inflater?.stop();
    this.#controller?.abort(aborted);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#inflater?.stop();
    if (this.#hasEnded) return;
    this.#grace = setTimeout(() => this.abort(), reuseGraceMs);
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isUnwanted) controller.abort(aborted);
    else this.#events.onSent();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ReceivedHeaders,
  ): void {
    this.#events.onAlive();
    // Early hints and their like: the reply itself is still to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const encoding = encodingOf(header(headers, 'content-encoding'));
    if (typeof encoding === 'object') this.#inflater = this.#inflate(encoding.name);
    if (status >= 300) {
      this.#errorBody = [];
      // What cannot be read is not kept.
      if (encoding === 'unknown') this.#errorBytes = maxErrorBytes + 1;
    } else if (encoding === 'unknown') {
      this.#refuse('invalid_reply', 'The provider compressed its reply in an unknown way.');
    } else this.#events.onReply(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // The library's parser gives an empty chunk when it resumes where nothing has come yet.
    if (this.#isReleased || chunk.length === 0) return;
    this.#events.onAlive();
    if (this.#inflater === null) this.#take(chunk);
    else if (!this.#inflater.write(chunk)) this.#controller?.pause();
  }

  onResponseEnd(): void {
    this.#end();
    if (this.#inflater === null) whenReplied.add(() => this.#finish());
    else this.#inflater.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end();
    // A closed pool says so at once, before its caller holds the exchange.
    if (this.#isDispatching) queueMicrotask(() => this.#fail(error));
    else this.#fail(error);
  }

  #end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#grace);
  }

  #take(bytes: Buffer): void {
    if (this.#isReleased) return;
    if (this.#errorBody === null) this.#events.onData(bytes);
    else if (this.#errorBytes < maxErrorBytes) {
      this.#errorBody.push(bytes.subarray(0, maxErrorBytes - this.#errorBytes));
      this.#errorBytes += bytes.length;
    }
  }

  /** The body ended as HTTP says it should. */
  #finish(): void {
    if (this.#isReleased) return;
    this.#isWhole = true;
    try {
      if (this.#errorBody === null) this.#events.onEnd();
      else this.#fault(this.#refusal());
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    this.#inflater?.stop();
    // The status had said it already; a body that breaks off changes nothing.
    this.#fault(
      this.#errorBody === null
        ? networkFault(error, {
            status: this.#status,
            begun: this.#events.hasBegun(),
            wasUnread: wasClosedWhileIdle(error),
          })
        : this.#refusal(),
    );
  }

  #refusal(): Fault {
    const { dialect, told } = this.#request;
    const answer = {
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#errorBody ?? []),
      whole: this.#isWhole && this.#errorBytes <= maxErrorBytes,
    };
    return refusalFault(answer, dialect, told, Date.now());
  }

  /** What came cannot be read, and the rest is not wanted. */
  #refuse(type: 'invalid_reply' | 'reply_too_large', message: string): void {
    const { dialect, told } = this.#request;
    const reply = { status: this.#status, dialect, told };
    this.#fault(
      this.#errorBody === null
        ? replyFault(unreadable(type, message), reply, this.#events.hasBegun())
        : this.#refusal(),
    );
    this.abort();
  }

  #fault(fault: Fault): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#events.onFault(fault);
  }

  #inflate(encoding: string): Inflater {
    const { maxInflatedBytes } = this.#request;
    return startInflater(encoding, maxInflatedBytes, {
      onData: (bytes) => this.#take(bytes),
      onEnd: () => whenReplied.add(() => this.#finish()),
      onDrained: () => {
        if (!this.#isPaused) this.#controller?.resume();
      },
      onFailed: (why) => {
        if (why === 'garbled')
          this.#refuse('invalid_reply', "The provider's reply could not be decompressed.");
        else
          this.#refuse(
            'reply_too_large',
            `The provider's reply is larger than ${maxInflatedBytes} bytes when decompressed (limits.reply).`,
          );
      },
    });
  }
}
