/**
 * The process that owns the data directory, started by the front (`engine-child.ts`) with the channel on descriptor 3.
 * It knows no user, no password and no network. When the front is gone, however it ended, inserts may finish, then it ends.
 */
import { Socket } from 'node:net';
import path from 'node:path';
import { takeLock } from '../lock.ts';
import { channelFd, noNumbers, openChannel, parseAsk } from './channel.ts';
import type { Ask, Call, Done, Say } from './channel.ts';
import { openEngine } from './engine.ts';
import type { Connection, OpenEngine } from './engine.ts';
import { fromEngine, refusal } from './errors.ts';
import { enginePlaces, raiseWall } from './wall.ts';

/** How often the front hears how much memory this process holds. */
const reportMs = 250;
/** How long inserts may take to end when the front is gone. */
const orphanMs = 60_000;
/** Rows that are not written to a file (SHOW, DESCRIBE, what a statement answers) travel through the channel. */
const maxReplyBytes = 64 * 1024 ** 2;

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * Puts the wall up. Threads of this process that were there before stand outside it, so this program is then started
 * anew in place of itself. Returns why there is no wall.
 */
const enterWall = async (args: readonly string[]): Promise<string> => {
  const [engineDir = '', scratchDir = ''] = args;
  if (process.execve === undefined) return 'this Node has no execve';
  const wall = await raiseWall(enginePlaces(engineDir, scratchDir));
  if (wall.kind === 'none') return wall.why;
  wall.keepOpen(channelFd);
  const self = [process.execPath, import.meta.filename, ...args, 'up'];
  // OpenSSL must not look for its configuration, which lies beyond the wall.
  return process.execve(process.execPath, self, { ...process.env, OPENSSL_CONF: '/dev/null' });
};

/** Answers what the front asks, until the front is gone or says that it is enough. */
const serve = (engine: OpenEngine, socket: Socket, wall: string): void => {
  const connections = new Map<number, Connection>();
  let running = 0;
  let ending = false;

  const exit = () => {
    for (const connection of connections.values()) connection.close();
    engine.close();
    process.exit(0);
  };
  const end = () => {
    if (ending) return;
    ending = true;
    void engine.cancel({ kind: 'reads' }).catch(() => {});
    if (running === 0) exit();
    // Closing the engine under a running query would hang; what was acknowledged is on disk.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanMs);
  };

  const on = (number: number): Connection => {
    const connection = connections.get(number);
    if (connection === undefined) throw refusal('UNKNOWN_EXCEPTION', 'the connection is closed');
    return connection;
  };
  const answer = async (ask: Call): Promise<Partial<Done>> => {
    switch (ask.do) {
      case 'open':
        connections.set(ask.connection, await engine.open());
        return {};
      case 'set':
        await on(ask.connection).set(ask.sql);
        return {};
      case 'write':
        return { numbers: { ...noNumbers, ...(await on(ask.connection).write(ask.sql)) } };
      case 'read': {
        const { bytes, ...numbers } = await on(ask.connection).read(ask.sql, ask.format);
        if (bytes.length > maxReplyBytes) {
          throw refusal(
            'LIMIT_EXCEEDED',
            `A reply of ${bytes.length} bytes that is no SELECT; at most ${maxReplyBytes}`,
          );
        }
        return {
          base64: Buffer.from(bytes).toString('base64'),
          numbers: { ...noNumbers, ...numbers },
        };
      }
      case 'cancel':
        await engine.cancel(ask.what);
        return {};
      case 'tidy':
        return { numbers: { ...noNumbers, running: engine.tidy() } };
    }
  };

  const channel = openChannel<Ask, Say>(socket, parseAsk, {
    heard(ask) {
      if (ask.do === 'end') end();
      else if (ask.do === 'close') {
        connections.get(ask.connection)?.close();
        connections.delete(ask.connection);
      } else {
        running += 1;
        const { id } = ask;
        void answer(ask)
          .then((done) =>
            channel.send({ say: 'done', base64: '', numbers: noNumbers, ...done, id }),
          )
          .catch((error: unknown) => {
            const { code, symbol, message: text } = fromEngine(error);
            channel.send({ say: 'refused', id, code, symbol, text });
          })
          .finally(() => {
            running -= 1;
            if (ending && running === 0) exit();
          });
      }
    },
    gone: end,
  });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, end);
  const { version, timezone, displayName } = engine;
  const memory = () => process.memoryUsage.rss();
  channel.send({ say: 'ready', wall, rssBytes: memory(), version, timezone, displayName });
  setInterval(() => channel.send({ say: 'memory', rssBytes: memory() }), reportMs);
};

const args = process.argv.slice(2);
const [engineDir = '', scratchDir = '', memoryBytes = '', temporaryBytes = '', walled] = args;
const wall = walled ?? (await enterWall(args));
const socket = new Socket({ fd: channelFd, readable: true, writable: true });
const giveUp = (say: Say): void => {
  socket.end(`${JSON.stringify(say)}\n`, () => process.exit(1));
};
const lock = takeLock(path.join(scratchDir, 'engine.lock'));
if (lock.kind === 'held') giveUp({ say: 'held' });
else {
  // Named, so that it is not collected, and with it the lock.
  process.on('exit', () => lock.release());
  try {
    const limits = { memoryBytes: Number(memoryBytes), temporaryBytes: Number(temporaryBytes) };
    serve(openEngine(engineDir, limits), socket, wall);
  } catch (error) {
    giveUp({ say: 'failed', why: reason(error) });
  }
}
