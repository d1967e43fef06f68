/**
 * What waits for one member. Parts of many requests are sent as one message when the member is busy (OTLP requests
 * concatenate); a message the member did not take is sent again to the same member, and nothing else is; one it objects
 * to is halved until the part that it objects to stands alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterConfig } from '../../config/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Sent, Transport } from './member.ts';

export type PartEnd =
  | { readonly kind: 'delivered'; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  /** Given up: too old, or the router stops. Nobody was told that it arrived. */
  | { readonly kind: 'expired' };

export interface QueuedPart {
  readonly bytes: Buffer;
  readonly spans: number;
  readonly queuedMs: number;
  /** Called exactly once. */
  readonly end: (how: PartEnd) => void;
}

export interface MemberQueue {
  readonly name: string;
  hasRoom(bytes: number): boolean;
  push(part: QueuedPart): void;
  /** For `/members`. */
  state(): { waitingBytes: number; inFlight: number; failures: number; lastError: string };
  /** Waits until it is empty or the time is over; what is left then expires. */
  drain(untilMs: number): Promise<void>;
}

/** A member may ask for a pause, but not for any length of it. */
const maxPauseMs = 60_000;

type Batch = readonly QueuedPart[];

/** Exponential, with jitter over its upper half, so that routers do not come back in step. */
const backoffMs = (failures: number, limits: RouterConfig['send']): number => {
  const full = Math.min(limits.backoffMaxMs, limits.backoffMs * 2 ** (failures - 1));
  return full * (0.5 + Math.random() / 2);
};

/** A queue in front of `transport`. */
export const createMemberQueue = (
  name: string,
  transport: Transport,
  limits: RouterConfig['send'],
  metrics: Metrics,
): MemberQueue => {
  const waiting: QueuedPart[] = [];
  let waitingBytes = 0;
  /** Messages that failed, or halves of one: sent as they are, before anything new. */
  const again: Batch[] = [];
  let heldBytes = 0;
  let inFlight = 0;
  let failures = 0;
  let lastError = '';
  let pausedUntilMs = 0;
  let timer: NodeJS.Timeout | null = null;
  let timerDueMs = 0;
  let closed = false;

  const end = (part: QueuedPart, how: PartEnd): void => {
    heldBytes -= part.bytes.length;
    const outcome = how.kind;
    metrics.add('spans', { outcome }, part.spans);
    part.end(how);
  };

  const wake = (inMs: number): void => {
    const dueMs = Date.now() + inMs;
    if (timer !== null) {
      if (timerDueMs <= dueMs) return;
      clearTimeout(timer);
    }
    timerDueMs = dueMs;
    timer = setTimeout(() => {
      timer = null;
      pump();
    }, inMs);
  };

  /** The next message: failed ones first, else as many waiting parts as fit. */
  const take = (): Batch => {
    const repeated = again.shift();
    if (repeated !== undefined) return repeated;
    let size = 0;
    let count = 0;
    for (const { bytes } of waiting) {
      if (count > 0 && size + bytes.length > limits.maxMessageBytes) break;
      size += bytes.length;
      count += 1;
    }
    waitingBytes -= size;
    return waiting.splice(0, count);
  };

  const settle = (batch: Batch, sent: Sent): void => {
    metrics.add('backendOutcome', { endpoint: name, success: String(sent.kind === 'taken') });
    const [only] = batch;
    switch (sent.kind) {
      case 'taken':
        failures = 0;
        pausedUntilMs = 0;
        lastError = '';
        // what a member rejects of a merged message belongs to nobody in particular: counted, told to a lone sender
        if (sent.rejectedSpans > 0)
          metrics.add('spans', { outcome: 'refused' }, sent.rejectedSpans);
        for (const part of batch) {
          const alone = batch.length === 1;
          const rejectedSpans = alone ? sent.rejectedSpans : 0;
          end(part, { kind: 'delivered', rejectedSpans, message: alone ? sent.message : '' });
        }
        return;
      case 'refused':
        lastError = sent.message;
        if (batch.length > 1) {
          const half = batch.length >> 1;
          again.unshift(batch.slice(0, half), batch.slice(half));
        } else if (only !== undefined) {
          end(only, { kind: 'refused', message: `${name}: ${sent.message}` });
        }
        return;
      case 'later':
        lastError = sent.message;
        metrics.add('memberRetries', { member: name });
        // eight messages that fail together are one failure
        if (Date.now() >= pausedUntilMs) {
          failures += 1;
          const pauseMs = Math.min(sent.afterMs ?? backoffMs(failures, limits), maxPauseMs);
          pausedUntilMs = Date.now() + pauseMs;
        }
        again.unshift(batch);
    }
  };

  const launch = async (batch: Batch): Promise<void> => {
    inFlight += 1;
    const startedMs = performance.now();
    const [only] = batch;
    const sent = await transport.send(
      batch.length === 1 && only !== undefined
        ? only.bytes
        : Buffer.concat(batch.map(({ bytes }) => bytes)),
    );
    inFlight -= 1;
    metrics.observe('backendLatency', { endpoint: name }, performance.now() - startedMs);
    if (closed) for (const part of batch) end(part, { kind: 'expired' });
    else {
      settle(batch, sent);
      pump();
    }
  };

  const expireOld = (nowMs: number): void => {
    const tooOld = (part: QueuedPart) => nowMs - part.queuedMs > limits.giveUpMs;
    for (let batch = again[0]; batch !== undefined && batch.every(tooOld); batch = again[0]) {
      again.shift();
      for (const part of batch) end(part, { kind: 'expired' });
    }
    for (let part = waiting[0]; part !== undefined && tooOld(part); part = waiting[0]) {
      waiting.shift();
      waitingBytes -= part.bytes.length;
      end(part, { kind: 'expired' });
    }
  };

  const pump = (): void => {
    const nowMs = Date.now();
    if (failures > 0) expireOld(nowMs);
    if (closed) return;
    while (again.length + waiting.length > 0) {
      if (nowMs < pausedUntilMs) return wake(pausedUntilMs - nowMs);
      // a member that fails gets one message at a time until it takes one
      if (inFlight >= (failures > 0 ? 1 : limits.inFlight)) return;
      const [first] = waiting;
      if (again.length === 0 && inFlight > 0 && waitingBytes < limits.batchBytes && first) {
        const leftMs = limits.lingerMs - (nowMs - first.queuedMs);
        if (leftMs > 0) return wake(leftMs);
      }
      void launch(take());
    }
  };

  const empty = () => heldBytes === 0;
  return {
    name,
    hasRoom: (bytes) => empty() || heldBytes + bytes <= limits.queueBytes,
    push(part) {
      heldBytes += part.bytes.length;
      waiting.push(part);
      waitingBytes += part.bytes.length;
      pump();
    },
    state: () => ({ waitingBytes: heldBytes, inFlight, failures, lastError }),
    async drain(untilMs) {
      while (!empty() && Date.now() < untilMs) await sleep(10);
      closed = true;
      if (timer !== null) clearTimeout(timer);
      for (const part of [...again.flat(), ...waiting.splice(0)]) end(part, { kind: 'expired' });
      again.length = 0;
      await transport.close();
    },
  };
};
