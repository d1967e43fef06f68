/**
 * Splits requests over OTLP members by the slot table. A request is acknowledged when each of its parts is delivered.
 * When that takes too long the client is told to come back; the parts stay with their members, and the same bytes
 * sent again join the first delivery instead of starting another: a slow member causes no duplicates at the others.
 */
import { hash } from 'node:crypto';
import type { RouterConfig } from '../../config/config.ts';
import type { Scan } from '../../otlp/scan.ts';
import { createScanner } from '../../otlp/scan.ts';
import { fillSlots } from '../../decide/slots.ts';
import { split } from '../../otlp/split.ts';
import type { Part } from '../../otlp/split.ts';
import { intList, item, push } from '../../model/int-list.ts';
import type { Answer } from '../../model/answer.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Destination } from './destination.ts';
import { grpcOut } from './grpc-out.ts';
import { httpOut } from './http-out.ts';
import { createMemberQueue } from './queue.ts';

/** A request whose parts are on their way. */
interface Delivery {
  open: number;
  rejectedSpans: number;
  message: string;
  expired: boolean;
  readonly done: Promise<void>;
}

/** Deliveries that a client was told to ask for again, remembered at most. */
const maxUnanswered = 10_000;
const retryAfterMs = 1000;
const busy = (message: string): Answer => ({ kind: 'busy', message, retryAfterMs });

/** The destination made of `config.members`. */
export const createMembers = (
  members: Exclude<RouterConfig['members'], 'builtin'>,
  config: RouterConfig,
  metrics: Metrics,
): Destination => {
  const table = fillSlots(members);
  const resolver = 'static';
  metrics.add('resolutions', { resolver, success: 'true' });
  metrics.add('backendUpdates', { resolver });
  metrics.set('backends', { resolver }, members.length);
  const queues = table.names.map((name) => {
    const member = members.find((entry) => entry.name === name);
    if (member === undefined) throw new Error(`the slot table names '${name}', which is no member`);
    const out = member.protocol === 'grpc' ? grpcOut : httpOut;
    return createMemberQueue(name, out(member, config.send), config.send, metrics);
  });
  for (const [i, name] of table.names.entries()) {
    const slots = table.owner.reduce((sum, owner) => (owner === i ? sum + 1 : sum), 0);
    metrics.set('slots', { member: name }, slots);
  }
  const ownerOf = intList();
  const rescan = createScanner();
  const unanswered = new Map<string, Delivery>();

  /** Cuts a part that is too large for one message; its spans keep their owner. */
  const cut = (part: Part): readonly Part[] => {
    if (part.bytes.length <= config.send.maxMessageBytes) return [part];
    const scan = rescan(part.bytes);
    if (scan === null) return [part];
    const chunkOf = intList();
    // what the envelopes add is bounded by leaving them a quarter
    const most = config.send.maxMessageBytes * 0.75;
    let [chunk, size] = [0, 0];
    for (let i = 0; i < scan.spans; i += 1) {
      const bytes = item(scan.spanTo, i) - item(scan.spanFrom, i);
      if (size > 0 && size + bytes > most) {
        chunk += 1;
        size = 0;
      }
      size += bytes;
      push(chunkOf, chunk);
    }
    const pieces = split(scan, chunkOf, chunk + 1, config.receive.maxPartsBytes);
    return pieces?.map((piece) => ({ ...piece, owner: part.owner })) ?? [part];
  };

  const partsOf = (scan: Scan): readonly Part[] | null => {
    ownerOf.length = 0;
    let single = scan.malformedSpans + scan.unidentifiedSpans === 0;
    const first = table.owner[item(scan.slot, 0)] ?? 0;
    for (let i = 0; i < scan.spans; i += 1) {
      const owner = table.owner[item(scan.slot, i)] ?? 0;
      if (owner !== first) single = false;
      push(ownerOf, owner);
    }
    // all of it goes to one member: the bytes as they came
    const parts = single
      ? [
          {
            owner: first,
            bytes: scan.bytes,
            spans: scan.spans,
          },
        ]
      : split(scan, ownerOf, queues.length, config.receive.maxPartsBytes);
    return parts?.flatMap(cut) ?? null;
  };

  const start = (parts: readonly Part[]): Delivery => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const delivery: Delivery = {
      open: parts.length,
      rejectedSpans: 0,
      message: '',
      expired: false,
      done: promise,
    };
    const queuedMs = Date.now();
    for (const { owner, bytes, spans } of parts) {
      queues[owner]?.push({
        bytes,
        spans,
        queuedMs,
        end(how) {
          if (how.kind === 'delivered') delivery.rejectedSpans += how.rejectedSpans;
          else if (how.kind === 'refused') delivery.rejectedSpans += spans;
          else delivery.expired = true;
          if ('message' in how && how.message !== '') delivery.message = how.message;
          delivery.open -= 1;
          if (delivery.open === 0) resolve();
        },
      });
    }
    if (parts.length === 0) resolve();
    return delivery;
  };

  /** Waits as long as the client does. Null: not done yet. */
  const outcome = async (delivery: Delivery, patienceMs: number): Promise<Answer | null> => {
    if (delivery.open > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, patienceMs);
      await Promise.race([delivery.done, promise]);
      clearTimeout(timer);
    }
    if (delivery.open > 0) return null;
    const { rejectedSpans, message } = delivery;
    return delivery.expired
      ? busy('a member did not take its spans in time')
      : { kind: 'accepted', rejectedSpans, message };
  };

  const wait = async (digest: () => string, delivery: Delivery, patienceMs: number) => {
    const answer = await outcome(delivery, patienceMs);
    if (answer !== null) {
      if (unanswered.size > 0) unanswered.delete(digest());
      return answer;
    }
    unanswered.set(digest(), delivery);
    const [oldest] = unanswered.keys();
    if (unanswered.size > maxUnanswered && oldest !== undefined) unanswered.delete(oldest);
    metrics.add('refusals', { reason: 'ack_timeout' });
    return busy('not delivered yet; send the same again to learn the outcome');
  };

  return {
    async deliver(scan, patienceMs) {
      const { bytes } = scan;
      let known: string | null = null;
      const digest = () => (known ??= hash('sha1', bytes));
      const running = unanswered.size > 0 ? unanswered.get(digest()) : undefined;
      if (running !== undefined) {
        metrics.add('resends', {});
        return wait(digest, running, patienceMs);
      }
      const parts = partsOf(scan);
      if (parts === null) {
        const most = config.receive.maxPartsBytes;
        return { kind: 'too_large', message: `more than ${most} bytes after splitting` };
      }
      const full = parts.find((part) => queues[part.owner]?.hasRoom(part.bytes.length) === false);
      if (full !== undefined) {
        metrics.add('refusals', { reason: 'member_queue' });
        return busy(`the queue of member ${table.names[full.owner] ?? ''} is full`);
      }
      metrics.add('spans', { outcome: 'received' }, scan.spans);
      return wait(digest, start(parts), patienceMs);
    },
    // Members and how they are sent to count at start.
    adopt() {},
    report() {
      for (const queue of queues)
        metrics.set('memberQueueBytes', { member: queue.name }, queue.state().waitingBytes);
    },
    describe: () =>
      queues.map((queue) => ({
        name: queue.name,
        ...members.find(({ name }) => name === queue.name),
        slots: table.owner.filter((owner) => table.names[owner] === queue.name).length,
        ...queue.state(),
      })),
    async close(untilMs) {
      await Promise.all(queues.map((queue) => queue.drain(untilMs)));
    },
  };
};
