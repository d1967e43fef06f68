/** A provider that is a bare socket: the test writes every byte of its answers, the status line too. */
import net, { type Socket } from 'node:net';

export interface RawUpstream {
  readonly origin: string;
  /** Connections accepted so far. */
  readonly connections: readonly Socket[];
  readonly requests: () => number;
  close(): Promise<void>;
}

/** Answers one whole request; `nth` counts them from 1. */
export type RawAnswer = (socket: Socket, nth: number) => void | Promise<void>;

/** The bytes of a whole request at the start of these, or null. */
const requestIn = (bytes: Buffer): number | null => {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return null;
  const length = /content-length: (\d+)/i.exec(bytes.subarray(0, head).toString('latin1'))?.[1];
  const end = head + 4 + Number(length ?? 0);
  return bytes.length < end ? null : end;
};

export const startRaw = async (answer: RawAnswer): Promise<RawUpstream> => {
  const connections: Socket[] = [];
  let requests = 0;
  const server = net.createServer({ allowHalfOpen: false }, (socket) => {
    connections.push(socket);
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = requestIn(bytes);
      if (end === null) return;
      bytes = bytes.subarray(end);
      requests += 1;
      void answer(socket, requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    connections,
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
};

/** The head of an answer in chunks. */
export const chunkedHead = (contentType = 'text/event-stream', more = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ntransfer-encoding: chunked\r\n${more}\r\n`;
/** One chunk of a body. */
export const httpChunk = (text: string): string =>
  `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
export const lastChunk = '0\r\n\r\n';
