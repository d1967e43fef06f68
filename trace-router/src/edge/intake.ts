/**
 * What both receivers share, from the bytes of a request to its answer: room for it, decompression, JSON, the scan, and
 * the destination. Bytes of unanswered requests are bounded over all connections.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterConfig } from '../config/config.ts';
import { createScanner } from '../otlp/scan.ts';
import { spansAtOnce } from './slices.ts';
import type { Answer } from '../model/answer.ts';
import { inflate } from './inflate.ts';
import type { Destination } from './members/destination.ts';
import { otlpJsonToProtobuf } from '../otlp/json.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export type Protocol = 'http' | 'grpc';

/** Room held by one request, from its first byte to its answer. */
export interface Room {
  /** More bytes of it have come; null: they fit. */
  grow(bytes: number): Answer | null;
  /** What was made of it takes so much; null: it fits. */
  hold(bytes: number): Answer | null;
  release(): void;
}

export interface ExportRequest {
  readonly protocol: Protocol;
  readonly body: Buffer;
  /** Content encoding, empty for none. */
  readonly encoding: string;
  readonly format: 'protobuf' | 'json';
  /** How long the client waits, if it said. */
  readonly deadlineMs: number | null;
  readonly room: Room;
}

export interface Intake {
  room(): Room;
  receive(request: ExportRequest): Promise<Answer>;
  /** The body as protobuf or JSON text, or why not. For requests that are passed on unread. */
  inflated(body: Buffer, encoding: string): Promise<Buffer | Answer>;
  draining(): boolean;
  /** From now on every request is told to go elsewhere; waits for those inside. */
  drain(untilMs: number): Promise<void>;
  report(): void;
}

/** What a span costs beside its bytes until its request is answered: its places, and its piece where it is a trace of its own. */
const bytesPerSpan = 256;

const stopping: Answer = { kind: 'busy', message: 'the router is stopping', retryAfterMs: 1000 };

/** The way in to `destination`. */
export const createIntake = (
  destination: Destination,
  limits: RouterConfig['receive'],
  metrics: Metrics,
  log: Log,
): Intake => {
  const scanner = createScanner(limits.maxSpans);
  const largeScanner = () => createScanner(limits.maxSpans);
  let inflightBytes = 0;
  let inside = 0;
  let draining = false;

  const room = (): Room => {
    let held = 0;
    let received = 0;
    const hold = (bytes: number): Answer | null => {
      // one request at least always fits, however small the limit
      if (inflightBytes > held && inflightBytes + bytes > limits.maxInflightBytes) {
        metrics.add('refusals', { reason: 'inflight' });
        const message = `${limits.maxInflightBytes} bytes of requests are waiting for their answer`;
        return { kind: 'busy', message, retryAfterMs: 1000 };
      }
      held += bytes;
      inflightBytes += bytes;
      return null;
    };
    return {
      hold,
      grow(bytes) {
        if (draining) {
          metrics.add('refusals', { reason: 'draining' });
          return stopping;
        }
        if (received + bytes > limits.maxBodyBytes) {
          return { kind: 'too_large', message: `more than ${limits.maxBodyBytes} bytes` };
        }
        const refused = hold(bytes);
        if (refused === null) received += bytes;
        return refused;
      },
      release() {
        inflightBytes -= held;
        held = 0;
      },
    };
  };

  const deliver = async (request: ExportRequest): Promise<Answer> => {
    const { encoding, body, format, deadlineMs } = request;
    metrics.add(
      'receivedBytes',
      { encoding: encoding === '' ? 'identity' : encoding },
      body.length,
    );
    const plain = await inflate(body, encoding, limits.maxBodyBytes);
    if (!Buffer.isBuffer(plain)) return plain;
    if (plain !== body) {
      const refused = request.room.grow(Math.max(0, plain.length - body.length));
      if (refused !== null) return refused;
    }
    if (format === 'json' && plain.length > limits.maxJsonBytes) {
      const most = `more than ${limits.maxJsonBytes} bytes of JSON; protobuf may be larger`;
      return { kind: 'too_large', message: most };
    }
    const message = format === 'json' ? otlpJsonToProtobuf(plain) : plain;
    if (typeof message === 'string') return { kind: 'malformed', message };
    const first = scanner(message);
    // A large one is worked off in slices, and another request may be scanned in between.
    const scan = first !== null && first.spans > spansAtOnce ? largeScanner()(message) : first;
    if (scan === null) {
      return { kind: 'malformed', message: 'the body is not an ExportTraceServiceRequest' };
    }
    if (scan.tooManySpans) {
      metrics.add('refusals', { reason: 'spans' });
      return { kind: 'too_large', message: `more than ${limits.maxSpans} spans` };
    }
    const { malformedSpans, unidentifiedSpans } = scan;
    const crowded = request.room.hold(scan.spans * bytesPerSpan);
    if (crowded !== null) return crowded;
    const bad = malformedSpans + unidentifiedSpans;
    if (bad > 0) {
      metrics.add('spans', { outcome: 'malformed' }, malformedSpans);
      metrics.add('spans', { outcome: 'unidentified' }, unidentifiedSpans);
    }
    // answered with a fifth of the client's time to spare, or it would not hear it
    const patienceMs = Math.min(limits.ackTimeoutMs, (deadlineMs ?? Infinity) * 0.8);
    const answer: Answer =
      scan.spans === 0
        ? { kind: 'accepted', rejectedSpans: 0, message: '' }
        : await destination.deliver(scan, patienceMs);
    if (answer.kind !== 'accepted' || bad === 0) return answer;
    const reason = `${malformedSpans} malformed spans, ${unidentifiedSpans} without a valid trace id`;
    return {
      kind: 'accepted',
      rejectedSpans: answer.rejectedSpans + bad,
      message: answer.message === '' ? reason : `${reason}; ${answer.message}`,
    };
  };

  return {
    room,
    inflated: (body, encoding) => inflate(body, encoding, limits.maxBodyBytes),
    draining: () => draining,
    async receive(request) {
      const { protocol } = request;
      const startedMs = performance.now();
      inside += 1;
      try {
        const answer = await deliver(request).catch((error: unknown): Answer => {
          // our bug; one request must not take the open traces of all others with it
          log('error', 'a request made the router fail', {
            error: error instanceof Error ? error.stack : String(error),
          });
          return { kind: 'crashed', message: 'internal error' };
        });
        metrics.add('requests', { protocol, outcome: answer.kind });
        metrics.observe('requestDuration', { protocol }, (performance.now() - startedMs) / 1000);
        return answer;
      } finally {
        inside -= 1;
      }
    },
    async drain(untilMs) {
      draining = true;
      for (; Date.now() < untilMs; await sleep(5)) if (inside === 0) return;
    },
    report() {
      metrics.set('inflightBytes', {}, inflightBytes);
    },
  };
};
