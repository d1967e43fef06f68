/**
 * The clients, a process of their own: so many calls at once, whatever becomes of the gateway, each with a line in a log. While
 * nobody listens they wait. Beside them somebody asks every now and then whether the gateway has its turns. It ends with SIGTERM, when the calls under way are over and the log is whole; once a second it
 * prints how many there were.
 */
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.ts';
import type { Span } from './judge.ts';
import { logFile } from './log-file.ts';
import { planOf } from './plan.ts';

const { CHAOS_LOG: path = '', CHAOS_SIGNS: signsPath = '', ...given } = process.env;
const { CHAOS_KEY: key = '' } = given;
const numberOf = (name: string): number => Number(given[name] ?? NaN);
const [port, width, seed] = ['CHAOS_PORT', 'CHAOS_WIDTH', 'CHAOS_SEED'].map(numberOf);
if (port === undefined || width === undefined || seed === undefined) throw new Error('no port');

const log = logFile(path);
const signs = logFile(signsPath);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
const counts = { calls: 0, whole: 0 };
let [next, stopping] = [0, false];

const lookEveryMs = 20;
const listens = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
const comeBack = async (): Promise<void> => {
  while (!stopping && !(await listens())) await sleep(lookEveryMs);
};
/** One looks for all: hundreds would keep the machine from starting the gateway again. */
let away: Promise<void> | null = null;
const whenUp = (): Promise<void> =>
  (away ??= comeBack().finally(() => {
    away = null;
  }));

const probeEveryMs = 50;
const patienceMs = 3_000;
/** An answer over a connection of its own: what reached the gateway before it was asked has had its turn. */
const answers = (): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get(
      { host: '127.0.0.1', port, path: '/health/live', agent: false },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.complete));
        response.on('error', () => resolve(false));
      },
    );
    request.on('error', () => resolve(false));
    request.setTimeout(patienceMs, () => request.destroy());
  });
/** Not one after the other: the system drops connections when too many wait at once, and tries again after a second. */
const probe = async (): Promise<void> => {
  const fromMs = Date.now();
  if (await answers()) signs.add({ fromMs, untilMs: Date.now() } satisfies Span);
};
const probing = setInterval(() => {
  if (away === null) void probe();
}, probeEveryMs);

const turnedAwayMs = 100;
/** Nobody's clients all come back in the same millisecond. */
const arrivalMs = 200;
const worker = async (): Promise<void> => {
  while (!stopping) {
    const planned = planOf(seed, next, key);
    next += 1;
    const asked = await ask({ port, agent }, planned);
    if (asked === null) {
      await whenUp();
      await sleep(Math.random() * arrivalMs);
      continue;
    }
    log.add(asked);
    counts.calls += 1;
    if (asked.end === 'whole') counts.whole += 1;
    if (asked.status === 503) await sleep(turnedAwayMs);
  }
};

const tell = setInterval(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 1_000);
process.once('SIGTERM', () => {
  stopping = true;
});
const all = Promise.all(Array.from({ length: width }, worker));
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
await all;
clearInterval(tell);
clearInterval(probing);
log.end();
signs.end();
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);
