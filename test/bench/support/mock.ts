/**
 * A provider that costs next to nothing: raw TCP, one fixed completion, or a stream of fixed events at a fixed pace.
 * A process of its own: `node mock.ts '{"minEvents":50,"maxEvents":50,"gapMs":5}'`; prints its port; ends with its parent.
 */
import { createServer, type Socket } from 'node:net';
import { chatCompletion, completionHead, isRecord, padded, usage } from './wire.ts';

const settings: unknown = JSON.parse(process.argv[2] ?? '{}');
const setting = (name: string, otherwise: number): number => {
  const value = isRecord(settings) ? settings[name] : undefined;
  return typeof value === 'number' ? value : otherwise;
};
const minEvents = setting('minEvents', 50);
const maxEvents = setting('maxEvents', 50);
const gapMs = setting('gapMs', 5);

const eventBytes = 256;
const completion = chatCompletion();
const reply = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${completion.length}\r\n\r\n${completion}`,
);

const chunked = (text: string): Buffer => Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`);
const eventOf = (delta: (text: string) => object, finish: string | null): Buffer => {
  const json = padded(eventBytes - 'data: \n\n'.length, (text) => ({
    ...completionHead,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: delta(text), finish_reason: finish }],
  }));
  return chunked(`data: ${json}\n\n`);
};
const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n',
);
const first = eventOf((content) => ({ role: 'assistant', content }), null);
const middle = eventOf((content) => ({ content }), null);
const last = eventOf((content) => ({ content }), 'stop');
const usageEvent = chunked(
  `data: ${JSON.stringify({ ...completionHead, object: 'chat.completion.chunk', choices: [], usage })}\n\n`,
);
const done = Buffer.concat([chunked('data: [DONE]\n\n'), Buffer.from('0\r\n\r\n')]);

interface Stream {
  readonly socket: Socket;
  readonly events: number;
  sent: number;
}

/** Streams by the millisecond of the gap in which they are due: starts spread over the gap stay spread. */
const wheel = Array.from({ length: Math.max(1, gapMs) }, () => new Set<Stream>());
let turnedMs = Math.floor(performance.now());

const advance = (stream: Stream): boolean => {
  const { socket, events } = stream;
  stream.sent += 1;
  if (stream.sent < events) socket.write(stream.sent === 1 ? first : middle);
  else if (stream.sent === events) socket.write(last);
  else if (stream.sent === events + 1) socket.write(usageEvent);
  else {
    socket.write(done);
    return false;
  }
  return true;
};

setInterval(() => {
  const nowMs = Math.floor(performance.now());
  for (; turnedMs < nowMs; turnedMs += 1) {
    const due = wheel[turnedMs % wheel.length];
    for (const stream of due ?? []) {
      if (stream.socket.destroyed || !advance(stream)) due?.delete(stream);
    }
  }
}, 1);

const lengthOf = /content-length: (\d+)/i;

const server = createServer({ noDelay: true }, (socket) => {
  let kept: Buffer | null = null;
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    let data = kept === null ? chunk : Buffer.concat([kept, chunk]);
    kept = null;
    for (;;) {
      const headEnd = data.indexOf('\r\n\r\n');
      if (headEnd < 0) break;
      const length = Number(lengthOf.exec(data.toString('latin1', 0, headEnd))?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (data.length < end) break;
      if (data.subarray(headEnd, end).includes('"stream":true')) {
        socket.write(streamHead);
        const events = minEvents + Math.floor(Math.random() * (maxEvents - minEvents + 1));
        const slot = Math.floor(performance.now()) % wheel.length;
        wheel[slot]?.add({ socket, events, sent: 0 });
      } else socket.write(reply);
      if (data.length === end) return;
      data = data.subarray(end);
    }
    kept = data;
  });
});
server.listen(0, '127.0.0.1', 4096, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
