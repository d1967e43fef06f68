/** A provider whose every byte and header the test decides, and which remembers what it was sent. */
import http from 'node:http';
import type { Socket } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** The connection closed before the response was whole. */
  gone: boolean;
}

export interface Upstream {
  readonly origin: string;
  readonly received: readonly Received[];
  /** How the following requests are answered. */
  answer(how: Answering): void;
  close(): Promise<void>;
}

export type Answering = (
  response: http.ServerResponse,
  received: Received,
  nth: number,
) => void | Promise<void>;

/** A short, whole chat completion. */
export const wholeChat = (content = 'hello'): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  });

/** One chunk of a streamed chat completion. */
export const chunkOf = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

export const usageChunk = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
})}\n\n`;

export const doneChunk = 'data: [DONE]\n\n';
export const sse = { 'content-type': 'text/event-stream' };
export const json = { 'content-type': 'application/json' };

/** Starts it on a free port; until told otherwise it answers each request with `wholeChat()`. */
export const startScripted = async (first?: Answering): Promise<Upstream> => {
  const received: Received[] = [];
  let answering: Answering =
    first ?? ((response) => void response.writeHead(200, json).end(wholeChat()));
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const entry: Received = {
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        gone: false,
      };
      received.push(entry);
      response.on('error', () => {});
      response.on('close', () => {
        entry.gone = !response.writableFinished;
      });
      void answering(response, entry, received.length);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    received,
    answer(how) {
      answering = how;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
