/** One of several workers: a gateway that is told by its parent when to begin, what to tell, and when to end. */
import { startGateway, type Gateway, type Siblings } from './gateway.ts';
import { readEnvironment } from './config/environment.ts';
import { readConfig } from './config/read.ts';
import { startLedger } from './ledger/ledger.ts';
import { flushed, sharedStdoutBlocks, type Blocks } from './telemetry/log.ts';
import { problemText } from '@tollgate/settings/document.ts';
import { providers } from '../providers/registry.ts';
import { Asking } from './workers/asking.ts';
import { outliveParent } from './workers/first-order.ts';
import {
  isOrder,
  type AllAnswers,
  type AskOfAll,
  type EndTimes,
  type Order,
  type Start,
  type Word,
} from './workers/messages.ts';

/** The parent is gone, however it ended: the next start wants the port at once, and the spool soon. */
const whenOrphaned: EndTimes = { drainMs: 2_000, shipMs: 1_000, deaf: true };
/** Longer than an orphan takes; it must not stand in the way for ever. */
const orphanMs = 15_000;
/** Longer than the parent waits for the slowest of all workers. */
const askMs = 10_000;

const tell = (word: Word): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(word, undefined, undefined, () => resolve());
  });

const fail = async (problems: readonly string[]): Promise<never> => {
  await tell({ say: 'failed', problems });
  process.exit(1);
};

/** How this one asks all of them: through the parent, which knows who there is. */
const siblingsOf = ({ worker, workers, restarts }: Start, asking: Asking): Siblings => {
  const askAll = async <Q extends AskOfAll>(
    what: Q,
    otherwise: AllAnswers[Q],
  ): Promise<AllAnswers[Q]> => {
    const answer = await asking.ask((id) => void tell({ say: 'ask', id, what }), askMs);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the same program answered to this question
    return (answer as AllAnswers[Q] | null) ?? otherwise;
  };
  return {
    worker,
    workers,
    restarts,
    metrics: () => askAll('metrics', []),
    health: () => askAll('health', { heard: [], complete: false }),
  };
};

/** What a worker is asked, and what it says. */
const answerTo = async ({ what, about }: Extract<Order, { do: 'ask' }>, gateway: Gateway) => {
  const { server, live, adoptions } = gateway;
  switch (what) {
    case 'pulse':
      return server.connections();
    case 'shed':
      return server.shed(Number(about));
    case 'health':
      return gateway.health();
    case 'metrics':
      return gateway.snapshot();
    case 'prepare':
      return live.prepare();
    case 'commit':
      return live.commit();
    case 'refuse':
      return live.refuse();
    case 'adopt':
      return adoptions.adopt(Number(about));
    case 'release':
      return adoptions.release(Number(about));
  }
};

/** Ends when it is told to, or when nobody is left to tell it. */
const obey = (gateway: Gateway, asking: Asking, lines: Blocks): void => {
  let stopping = false;
  const end = async (times: EndTimes): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await gateway.stop(times);
    await flushed(lines);
    process.exit(0);
  };
  const orphaned = (): void => {
    // Not by an exit, at which much can still wait.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanMs).unref();
    void end(whenOrphaned);
  };
  process.on('message', (order: unknown) => {
    if (!isOrder(order)) return;
    if (order.do === 'stop') void end(order.times);
    else if (order.do === 'answer') asking.answered(order.id, order.answer);
    else if (order.do === 'ask')
      void answerTo(order, gateway)
        .catch(() => null)
        .then((answer) => tell({ say: 'answer', id: order.id, answer: answer ?? null }));
  });
  process.once('disconnect', orphaned);
  outliveParent();
};

/** Serves calls as the first word of its parent says. */
export const work = async (start: Start): Promise<void> => {
  // The parent has read it before; here it is read again, because a value such as a secret does not travel.
  const read = readEnvironment(start.variables, process.cwd());
  if (read.kind === 'bad') return fail(read.problems);
  const { environment } = read;
  const source = { path: environment.configPath, env: environment.variables, providers };
  const first = await readConfig(source);
  if (first.kind === 'bad') return fail(first.problems.map(problemText));
  const asking = new Asking();
  const lines = sharedStdoutBlocks();
  const started = await startGateway({
    environment,
    config: first.config,
    source,
    sources: first.sources,
    siblings: siblingsOf(start, asking),
    startLedger,
    lines,
    onWait: (line) => void process.stderr.write(`${line}\n`),
  });
  if (started.kind === 'failed') return fail(started.problems);
  obey(started.gateway, asking, lines);
  const { port } = started.gateway;
  await tell({ say: 'ready', port, fingerprint: first.sources.fingerprint });
};
