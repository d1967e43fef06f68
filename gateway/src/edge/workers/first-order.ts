/** The first moments of a worker, before anything else of it is loaded. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { isOrder, type Start } from './messages.ts';

/** Whether this process was started by a parent, as one of its workers. */
export const isWorker = (): boolean => cluster.isWorker;

/** Until it serves calls there is nothing to see to: it ends with its parent. */
const endAtOnce = (): never => process.exit(1);

/** From now on it has calls and rows to see to when its parent ends. */
export const outliveParent = (): void => void process.off('disconnect', endAtOnce);

/**
 * Binds this process to its parent and waits for its first word. A terminal and a service manager send their signals to all
 * processes of a group; what a worker does is the parent's to say.
 */
export const firstOrder = async (): Promise<Start> => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', endAtOnce);
  // Otherwise Node itself ends this process with its parent, whatever we say.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  const [order]: unknown[] = await once(process, 'message');
  if (!isOrder(order) || order.do !== 'start') throw new Error('the parent said something else');
  return order;
};
