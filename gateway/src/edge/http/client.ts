/** The client's side of one call: a response to write to, and the news that nobody reads it any more. */
import type { ServerResponse } from 'node:http';
import { neverSniffed } from '@tollgate/listener/edge/guard.ts';
import type { Stop } from './stop.ts';

export interface Client {
  /** The connection closed before we had sent everything. */
  gone(): boolean;
  /** It is gone because it took nothing for too long. */
  isSlow(): boolean;
  /** Runs `listener` once when the client goes; returns how to stop listening. */
  onGone(listener: () => void): () => void;
  /** The gateway stops and waits for this call no longer. */
  isStopped(): boolean;
  /** Runs `listener` once when the gateway stops; returns how to stop listening. */
  onStopped(listener: () => void): () => void;
  /** True once a status line was sent. */
  begun(): boolean;
  begin(status: number, headers: Readonly<Record<string, string>>): void;
  /** False: what was written waits for the client; call `whenDrained`. */
  write(bytes: Uint8Array): boolean;
  whenDrained(listener: () => void): void;
  /** Resolves when nothing that was written waits for the client any more, or it is gone. */
  ready(): Promise<void>;
  /** Ends the response; resolves when its last byte was handed to the system, or the client is gone. */
  end(bytes: Uint8Array | null): Promise<void>;
}

/** A body of so many bytes goes out in one piece with its head: one write of one text, instead of two of two buffers. */
const maxJoinedBytes = 16 * 1024;

export interface ClientOptions {
  /** A client that takes nothing for so long is let go of. */
  readonly slowReaderMs: number;
  onSlow(): void;
  readonly stop: Stop;
}

/** Wraps Node's response. */
export const clientOf = (
  response: ServerResponse,
  { slowReaderMs, onSlow, stop }: ClientOptions,
): Client => {
  let gone = response.destroyed;
  let isSlow = false;
  let patience: NodeJS.Timeout | undefined;
  /** Unless we are late ourselves, and the news that it took something waits to be heard in this turn. */
  const letGo = (): void => {
    setImmediate(() => {
      if (patience === undefined) return;
      isSlow = true;
      onSlow();
      response.destroy();
    });
  };
  /** From the moment when what we write begins to wait for the client. */
  const watch = (): void => {
    patience ??= setTimeout(letGo, slowReaderMs);
  };
  const unwatch = (): void => {
    clearTimeout(patience);
    patience = undefined;
  };
  let over: (() => void) | null = null;
  const listeners = new Set<() => void>();
  // It comes after the last byte was handed to the system, or when the connection breaks.
  response.once('close', () => {
    unwatch();
    over?.();
    if (response.writableFinished) return;
    gone = true;
    for (const listener of listeners) listener();
    listeners.clear();
  });
  // A socket that breaks while we write reports it here as well as by `close`.
  response.on('error', () => {});
  return {
    gone: () => gone,
    isSlow: () => isSlow,
    isStopped: () => stop.isOver(),
    onStopped: (listener) => stop.listen(listener),
    onGone(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    begun: () => response.headersSent,
    begin(status, headers) {
      response.writeHead(status, { ...headers, ...neverSniffed });
    },
    write(bytes) {
      const isTaken = response.write(bytes);
      if (!isTaken) watch();
      return isTaken;
    },
    whenDrained(listener) {
      response.once('drain', () => {
        unwatch();
        listener();
      });
    },
    ready: () =>
      gone || !response.writableNeedDrain
        ? Promise.resolve()
        : new Promise((resolve) => {
            response.once('drain', resolve);
            listeners.add(resolve);
          }),
    end: (bytes) =>
      new Promise((resolve) => {
        if (gone) {
          resolve();
          return;
        }
        over = resolve;
        if (bytes === null) response.end();
        else if (bytes.length > maxJoinedBytes) response.end(bytes);
        else
          response.end(
            Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
            'latin1',
          );
        // What the system has not taken waits for the client.
        if (response.writableLength > 0) watch();
      }),
  };
};

/** Sleeps, or returns early when the client hangs up or the gateway stops. */
export const pauseUnlessGone = (client: Client, ms: number): Promise<void> => {
  if (client.gone() || client.isStopped()) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = [client.onGone(resolve), client.onStopped(resolve)];
  return promise.finally(() => {
    clearTimeout(timer);
    for (const one of stop) one();
  });
};
