/**
 * Clients that read replies, streamed or whole, over raw TCP: each connection asks again as soon as its reply has ended.
 * A process of its own; its settings are `LoadSettings` of helpers.ts as JSON.
 * After `seconds` no new call begins and those open are read to their end; then prints one line of JSON.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from './cpu.ts';
import { chatRequest, isRecord } from './wire.ts';

const given: unknown = JSON.parse(process.argv[2] ?? '{}');
const settings = isRecord(given) ? given : {};
const number = (name: string): number => {
  const value = settings[name];
  if (typeof value !== 'number') throw new Error(`the load needs the number '${name}'`);
  return value;
};
const port = number('port');
const connections = number('connections');
const seconds = number('seconds');
const hangupShare = number('hangupShare');
const key = typeof settings['key'] === 'string' ? settings['key'] : '';
const retryMs = 100;
/** A client that hangs up does so after at most so many events. */
const maxEventsBeforeHangup = 30;

const rate = number('rate');

const request = chatRequest({
  provider: settings['provider'] === 'node' ? 'node' : 'nginx',
  stream: settings['stream'] === true,
  key,
  host: `127.0.0.1:${port}`,
});
/** Of completed calls. */
const latenciesMs: number[] = [];
const total = { started: 0, completed: 0, hungUp: 0, failed: 0, events: 0, bytes: 0 };
const failures = new Map<string, number>();
const ids: string[] = [];
const endsMs = performance.now() + seconds * 1000;
const isOver = (): boolean => performance.now() >= endsMs;

const eventStart = Buffer.from('data: ');
const bodyEnd = Buffer.from('\r\n0\r\n\r\n');
const idHeader = 'x-tollgate-call-id: ';

const countOf = (data: Buffer, what: Buffer): number => {
  let count = 0;
  for (let at = data.indexOf(what); at >= 0; at = data.indexOf(what, at + what.length)) count += 1;
  return count;
};

/** One call on an open connection: how it ended. */
const readOne = (socket: Socket): Promise<'completed' | 'hung up' | { readonly failed: string }> =>
  new Promise((resolve) => {
    let head = '';
    let inHead = true;
    /** Of the body; NaN: it is chunked. */
    let leftBytes = NaN;
    let tail: Buffer = Buffer.alloc(0);
    let events = 0;
    const hangUpAfter =
      Math.random() < hangupShare
        ? 1 + Math.floor(Math.random() * maxEventsBeforeHangup)
        : Infinity;
    const finish = (how: 'completed' | 'hung up' | { readonly failed: string }): void => {
      socket.removeListener('data', onData).removeListener('close', onClose);
      resolve(how);
    };
    const onClose = (): void =>
      finish({ failed: `closed after ${events > 0 ? 'some' : 'no'} events` });
    const onData = (chunk: Buffer): void => {
      total.bytes += chunk.length;
      let body = chunk;
      if (inHead) {
        head += chunk.toString('latin1');
        const headEnd = head.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        inHead = false;
        if (!head.startsWith('HTTP/1.1 200 ')) {
          finish({ failed: head.slice(0, head.indexOf('\r\n')) });
          return;
        }
        leftBytes = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? NaN);
        const at = head.toLowerCase().indexOf(idHeader);
        if (at >= 0) ids.push(head.slice(at + idHeader.length, head.indexOf('\r\n', at)));
        body = Buffer.from(head.slice(headEnd + 4), 'latin1');
      }
      // What a split may have cut in two is looked at again with the next piece, too short to hold a whole match.
      const seen = tail.length === 0 ? body : Buffer.concat([tail, body]);
      const found = countOf(seen, eventStart);
      const counted = tail.length > 0 ? countOf(tail, eventStart) : 0;
      events += found - counted;
      total.events += found - counted;
      leftBytes -= body.length;
      if (leftBytes <= 0 || seen.subarray(-bodyEnd.length).equals(bodyEnd)) finish('completed');
      else if (events >= hangUpAfter) finish('hung up');
      else tail = seen.subarray(Math.max(0, seen.length - bodyEnd.length));
    };
    socket.on('data', onData).once('close', onClose);
    socket.write(request);
  });

const open = (): Promise<Socket | null> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });

/** One call; `beganMs` is when it was due. Answers the connection while it may be used again. */
const call = async (socket: Socket, beganMs: number): Promise<Socket | null> => {
  total.started += 1;
  const how = await readOne(socket);
  if (how === 'completed') {
    total.completed += 1;
    latenciesMs.push(performance.now() - beganMs);
    return socket.destroyed ? null : socket;
  }
  socket.destroy();
  if (how === 'hung up') total.hungUp += 1;
  else {
    total.failed += 1;
    failures.set(how.failed, (failures.get(how.failed) ?? 0) + 1);
    await sleep(retryMs);
  }
  return null;
};

const connected = async (): Promise<Socket | null> => {
  const socket = await open();
  if (socket === null) failures.set('no connection', (failures.get('no connection') ?? 0) + 1);
  return socket;
};

/** Calls again as soon as its reply has ended. */
const client = async (): Promise<void> => {
  let socket: Socket | null = null;
  while (!isOver()) {
    socket ??= await connected();
    if (socket === null) await sleep(retryMs);
    else socket = await call(socket, performance.now());
  }
  socket?.destroy();
};

/** Calls begin when they are due, whatever became of those before; each on an idle connection, or on a new one. */
const paced = async (): Promise<void> => {
  const idle: Socket[] = [];
  const running = new Set<Promise<void>>();
  const one = async (dueMs: number): Promise<void> => {
    let socket = idle.pop() ?? null;
    if (socket?.destroyed === true) socket = null;
    socket ??= await connected();
    const reusable = socket === null ? null : await call(socket, dueMs);
    if (reusable !== null) idle.push(reusable);
  };
  const firstMs = performance.now();
  for (let i = 0; i < rate * seconds; i += 1) {
    const dueMs = firstMs + (i * 1000) / rate;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const begun = one(dueMs).finally(() => running.delete(begun));
    running.add(begun);
  }
  await Promise.all(running);
  for (const socket of idle) socket.destroy();
};

if (rate > 0) await paced();
else {
  const rampMs = number('rampMs');
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      await sleep((rampMs * i) / connections);
      await client();
    }),
  );
}
const none = latenciesMs.length === 0;
const latency = {
  p50Ms: none ? null : quantile(latenciesMs, 0.5),
  p99Ms: none ? null : quantile(latenciesMs, 0.99),
};
process.stdout.write(
  `${JSON.stringify({ ...total, ...latency, failures: Object.fromEntries(failures), ids: settings['withIds'] === true ? ids : [] })}\n`,
);
process.exit(0);
