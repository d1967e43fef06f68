/** HTTP from the client's side, down to single bytes where a test needs them. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { eventually } from '../../../fakes/journal.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body ended as HTTP says it should. */
  readonly whole: boolean;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
  readonly agent?: http.Agent;
}

/** One request on a connection of its own, unless an agent is given. */
export const send = (url: string, ask: Ask = {}): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const headers = Object.fromEntries(
      Object.entries(ask.headers ?? {}).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : [...value],
      ]),
    );
    const request = http.request(
      url,
      { method: ask.method ?? 'POST', headers, agent: ask.agent ?? false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {});
        response.on('close', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
            whole: response.complete,
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(ask.body);
  });

/** The same with a JSON body and a key of the gateway. */
export const post = (
  url: string,
  key: string,
  body: unknown,
  headers: Ask['headers'] = {},
): Promise<Reply> =>
  send(url, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });

export const headerOf = ({ headers }: Pick<Reply, 'headers'>, name: string): string => {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
};

export interface RawConnection {
  readonly socket: net.Socket;
  write(bytes: string | Buffer): void;
  /** All that has arrived, as latin1 text. */
  received(): string;
  /** Waits until the text that arrived holds this. */
  receives(text: string): Promise<void>;
  /** Resolves when the connection is closed, by whom and however. */
  readonly closed: Promise<unknown>;
  destroy(): void;
}

/** A bare TCP connection. */
export const rawConnection = async (port: number): Promise<RawConnection> => {
  const socket = net.connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  const received = (): string => Buffer.concat(chunks).toString('latin1');
  return {
    socket,
    write(bytes) {
      socket.write(bytes);
    },
    received,
    receives: (text) => eventually(() => received().includes(text), `'${text}' arrives`),
    closed,
    destroy: () => socket.destroy(),
  };
};

/** The text of one POST with a JSON body. */
export const postText = (options: {
  readonly path: string;
  readonly key: string;
  readonly body: string;
  readonly headers?: readonly string[];
  /** Said instead of the real one. */
  readonly length?: number;
}): string =>
  [
    `POST ${options.path} HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${options.key}`,
    'content-type: application/json',
    `content-length: ${options.length ?? Buffer.byteLength(options.body)}`,
    ...(options.headers ?? []),
    '',
    options.body,
  ].join('\r\n');
