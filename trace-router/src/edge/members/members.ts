/**
 * Splits requests over OTLP members by the slot table. A request is acknowledged when each of its parts is delivered.
 * When that takes too long the client is told to come back; the parts stay with their members, and the same bytes
 * sent again join the first delivery instead of starting another: a slow member causes no duplicates at the others.
 */
import { hash } from 'node:crypto';
import type { RouterConfig } from '../../config/config.ts';
import { fillSlots } from '../../decide/slots.ts';
import type { SlotTable } from '../../decide/slots.ts';
import type { Answer } from '../../model/answer.ts';
import { startPartition } from '../../otlp/partition.ts';
import type { Scan } from '../../otlp/scan.ts';
import type { Part } from '../../otlp/split.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { busy, Delivery, Unanswered } from './deliveries.ts';
import type { Destination } from './destination.ts';
import { grpcOut } from './grpc-out.ts';
import { httpOut } from './http-out.ts';
import { startMemberQueue } from './queue.ts';
import type { MemberQueue } from './queue.ts';

type Members = Exclude<RouterConfig['members'], 'builtin'>;

/** A queue for each name of the table, in its order. */
const queuesOf = (
  members: Members,
  { names }: SlotTable,
  limits: RouterConfig['send'],
  metrics: Metrics,
): readonly MemberQueue[] =>
  names.map((name) => {
    const member = members.find((entry) => entry.name === name);
    if (member === undefined) throw new Error(`the slot table names '${name}', which is no member`);
    const out = member.protocol === 'grpc' ? grpcOut : httpOut;
    return startMemberQueue(name, out(member, limits), limits, metrics);
  });

/** How many slots each name of the table has. */
const slotsOf = ({ names, owner }: SlotTable): readonly number[] =>
  names.map((_, i) => owner.reduce((sum, one) => (one === i ? sum + 1 : sum), 0));

const countMembers = (
  names: readonly string[],
  slots: readonly number[],
  metrics: Metrics,
): void => {
  const resolver = 'static';
  metrics.add('resolutions', { resolver, success: 'true' });
  metrics.add('backendUpdates', { resolver });
  metrics.set('backends', { resolver }, names.length);
  for (const [i, name] of names.entries()) metrics.set('slots', { member: name }, slots[i] ?? 0);
};

/** The destination made of `config.members`. */
export const startMembers = (
  members: Members,
  config: RouterConfig,
  metrics: Metrics,
): Destination => {
  const table = fillSlots(members);
  const slots = slotsOf(table);
  countMembers(table.names, slots, metrics);
  const queues = queuesOf(members, table, config.send, metrics);
  const { maxPartsBytes } = config.receive;
  const { maxMessageBytes } = config.send;
  const partsOf = startPartition(table.owner, queues.length, { maxMessageBytes, maxPartsBytes });
  const unanswered = new Unanswered();

  const start = (parts: readonly Part[]): Delivery => {
    const delivery = new Delivery(parts.length);
    const queuedMs = Date.now();
    for (const { owner, bytes, spans } of parts) {
      queues[owner]?.push({
        bytes,
        spans,
        queuedMs,
        end(how) {
          delivery.ended(how, spans);
        },
      });
    }
    return delivery;
  };

  const wait = async (
    digest: () => string,
    delivery: Delivery,
    patienceMs: number,
  ): Promise<Answer> => {
    const answer = await delivery.answer(patienceMs);
    if (answer !== null) {
      if (!unanswered.empty) unanswered.forget(digest());
      return answer;
    }
    unanswered.remember(digest(), delivery);
    metrics.add('refusals', { reason: 'ack_timeout' });
    return busy('not delivered yet; send the same again to learn the outcome');
  };

  return {
    async deliver(scan: Scan, patienceMs) {
      const { bytes, spans } = scan;
      let known: string | null = null;
      const digest = () => (known ??= hash('sha1', bytes));
      const running = unanswered.empty ? undefined : unanswered.find(digest());
      if (running !== undefined) {
        metrics.add('resends', {});
        return wait(digest, running, patienceMs);
      }
      const parts = partsOf(scan);
      if (parts === null) {
        const message = `more than ${maxPartsBytes} bytes after splitting`;
        return { kind: 'too_large', message };
      }
      const full = parts.find((part) => queues[part.owner]?.hasRoom(part.bytes.length) === false);
      if (full !== undefined) {
        metrics.add('refusals', { reason: 'member_queue' });
        return busy(`the queue of member ${table.names[full.owner] ?? ''} is full`);
      }
      metrics.add('spans', { outcome: 'received' }, spans);
      return wait(digest, start(parts), patienceMs);
    },
    // Members and how they are sent to count at start.
    adopt() {},
    report() {
      for (const queue of queues)
        metrics.set('memberQueueBytes', { member: queue.name }, queue.state().waitingBytes);
    },
    describe: () =>
      queues.map((queue, i) => ({
        name: queue.name,
        ...members.find(({ name }) => name === queue.name),
        slots: slots[i] ?? 0,
        ...queue.state(),
      })),
    async close(untilMs) {
      await Promise.all(queues.map((queue) => queue.drain(untilMs)));
    },
  };
};
