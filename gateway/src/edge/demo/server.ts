import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { refusalOf } from '@tollgate/listener/foreign.ts';
import { guardedServer, neverSniffed } from '@tollgate/listener/edge/guard.ts';
import { ownNames } from '@tollgate/listener/names.ts';
import { embed } from '../../demo/embed.ts';
import { answer, wishesOf, type Wishes } from '../../demo/model.ts';
import { errorReply, streamEvents, wholeReply } from '../../demo/wire.ts';
import { parseObject, type JsonObject } from '../../model/json.ts';

export interface DemoOptions {
  readonly host?: string;
  /** From the request to the first token. */
  readonly latencyMs?: number;
  /** Infinity: as fast as can be. */
  readonly tokensPerSecond?: number;
  /** A request above it is refused with 413. */
  readonly maxBodyBytes?: number;
}

export interface Demo {
  /** `http://127.0.0.1:port`, with and without `/v1` behind it. */
  readonly origin: string;
  close(): Promise<void>;
}

const defaults = {
  host: '127.0.0.1',
  latencyMs: 150,
  tokensPerSecond: 80,
  maxBodyBytes: 64 * 1024 * 1024,
};

type Pace = typeof defaults;

/** The whole body, or null when it is larger than allowed. */
const readBody = async (request: IncomingMessage, maxBytes: number): Promise<string | null> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
};

const sendJson = (response: ServerResponse, status: number, body: JsonObject): void => {
  response.writeHead(status, {
    ...neverSniffed,
    'content-type': 'application/json',
    ...(status === 429 ? { 'retry-after': '1' } : {}),
  });
  response.end(JSON.stringify(body));
};

const sendStream = async (
  response: ServerResponse,
  events: ReturnType<typeof streamEvents>,
  { tokensPerSecond }: Pace,
  fault: Wishes['fault'],
): Promise<void> => {
  response.writeHead(200, {
    ...neverSniffed,
    'content-type': 'text/event-stream; charset=utf-8',
  });
  const half = Math.ceil(events.length / 2);
  for (const [index, { text, isToken }] of events.entries()) {
    if (response.closed) return;
    if (index === half && fault === 'stall') return; // until the caller has had enough
    if (index === half && fault === 'cut') {
      await immediate(); // what was written leaves first
      response.socket?.destroySoon();
      return;
    }
    if (!response.write(text))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
    if (isToken && tokensPerSecond !== Infinity) await sleep(1000 / tokensPerSecond);
  }
  response.end();
};

const chat = async (
  body: JsonObject,
  response: ServerResponse,
  pace: Pace,
  serial: number,
): Promise<void> => {
  const wishes = wishesOf(body);
  await sleep(wishes.latencyMs ?? pace.latencyMs);
  if (response.closed) return;
  if (wishes.fault === 'hangup') {
    response.socket?.destroy();
  } else if (typeof wishes.fault === 'number') {
    const message = `The message wished for a fault: ${wishes.fault}.`;
    sendJson(response, wishes.fault, errorReply(wishes.fault, message));
  } else {
    const said = answer(body);
    const stamp = {
      id: `chatcmpl-demo-${serial.toString(36)}`,
      createdSeconds: Math.floor(Date.now() / 1000),
    };
    if (body['stream'] === true) {
      await sendStream(response, streamEvents(said, stamp, body), pace, wishes.fault);
    } else if (wishes.fault === null) {
      if (pace.tokensPerSecond !== Infinity) {
        await sleep((said.usage.completionTokens * 1000) / pace.tokensPerSecond);
      }
      sendJson(response, 200, wholeReply(said, stamp));
    } else if (wishes.fault === 'cut') response.socket?.destroy();
  }
};

const serve = async (
  request: IncomingMessage,
  response: ServerResponse,
  pace: Pace,
  serial: number,
): Promise<void> => {
  const path = (request.url ?? '').split('?')[0] ?? '';
  if (request.method === 'GET' && path.endsWith('/models')) {
    const models = [{ id: 'demo', object: 'model', created: 0, owned_by: 'demo' }];
    sendJson(response, 200, { object: 'list', data: models });
    return;
  }
  const text = await readBody(request, pace.maxBodyBytes);
  const body = text === null ? null : parseObject(text);
  if (text === null) {
    response.setHeader('connection', 'close'); // the rest of the body is not read
    sendJson(response, 413, errorReply(413, `The body is larger than ${pace.maxBodyBytes} bytes.`));
  } else if (body === null) {
    sendJson(response, 400, errorReply(400, 'The body is no JSON object.'));
  } else if (path.endsWith('/chat/completions')) {
    await chat(body, response, pace, serial);
  } else if (path.endsWith('/embeddings')) {
    sendJson(response, 200, embed(body));
  } else {
    sendJson(response, 404, errorReply(404, 'The demo model has chat completions and embeddings.'));
  }
};

/**
 * Starts the demo model: OpenAI's chat completions (streams, tools, usage) and embeddings, on a free port of 127.0.0.1.
 *
 * Words in a user's last message make it misbehave: `[[fault:429]]` answers with that status (400 to 599),
 * `[[fault:cut]]` closes the connection in the middle of the answer, `[[fault:stall]]` falls silent there,
 * `[[fault:hangup]]` closes it before the status line; `[[latency:500]]` waits so many milliseconds before it begins,
 * `[[tokens:200]]` makes the answer so long.
 */
export const startDemo = async (options: DemoOptions = {}): Promise<Demo> => {
  const pace: Pace = { ...defaults, ...options };
  let serial = 0;
  const handle: RequestListener = (request, response) => {
    serial += 1;
    serve(request, response, pace, serial).catch(() => response.destroy()); // the caller has left
  };
  const server = guardedServer({}, handle, {
    names: ownNames(pace.host, []),
    refused: () => {},
    answer(reason, _request, response) {
      const { status, message } = refusalOf[reason];
      sendJson(response, status, errorReply(status, message));
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Of this process alone, also where several share the gateway's port.
    server.listen({ port: 0, host: pace.host, exclusive: true }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The demo has no port.');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    origin: `http://${host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
