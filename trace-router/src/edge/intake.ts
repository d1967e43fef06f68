/**
 * What both receivers share, from the bytes of a request to its answer: memory for it, decompression, JSON, the scan, and
 * the destination. Bytes of unanswered requests are bounded over all connections.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterConfig } from '../config/config.ts';
import { startScanner } from '../otlp/scan.ts';
import type { Scan } from '../otlp/scan.ts';
import { spansAtOnce } from './slices.ts';
import { withRejected } from '../decide/with-rejected.ts';
import { accepted } from '../model/answer.ts';
import type { Answer } from '../model/answer.ts';
import { inflate } from './inflate.ts';
import type { Destination } from './members/destination.ts';
import { otlpJsonToProtobuf } from '../otlp/json.ts';
import { SharedMemory } from './request-memory.ts';
import type { RequestMemory } from './request-memory.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export type Protocol = 'http' | 'grpc';

export interface ExportRequest {
  readonly protocol: Protocol;
  readonly body: Buffer;
  /** Content encoding, empty for none. */
  readonly encoding: string;
  readonly format: 'protobuf' | 'json';
  /** How long the client waits, if it said. */
  readonly deadlineMs: number | null;
  readonly memory: RequestMemory;
}

export interface Intake {
  memory(): RequestMemory;
  receive(request: ExportRequest): Promise<Answer>;
  /** The body as protobuf or JSON text, or why not. For requests that are passed on unread. */
  inflated(body: Buffer, encoding: string): Promise<Buffer | Answer>;
  draining(): boolean;
  /** From now on every request is told to go elsewhere; waits for those inside. */
  drain(untilMs: number): Promise<void>;
  report(): void;
}

/** What a span costs beside its bytes until its request is answered: its places, and its fragment where it is a trace of its own. */
const bytesPerSpan = 256;

/** The way in to `destination`. */
export const startIntake = (
  destination: Destination,
  limits: RouterConfig['receive'],
  metrics: Metrics,
  log: Log,
): Intake => new Entrance(destination, limits, metrics, log);

class Entrance implements Intake {
  readonly #destination: Destination;
  readonly #limits: RouterConfig['receive'];
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #memory: SharedMemory;
  readonly #scanner: ReturnType<typeof startScanner>;
  /** Requests that are not answered yet. */
  #inside = 0;

  constructor(
    destination: Destination,
    limits: RouterConfig['receive'],
    metrics: Metrics,
    log: Log,
  ) {
    this.#destination = destination;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#log = log;
    this.#memory = new SharedMemory(limits, metrics);
    this.#scanner = startScanner(limits.maxSpans);
  }

  memory(): RequestMemory {
    return this.#memory.open();
  }

  inflated(body: Buffer, encoding: string): Promise<Buffer | Answer> {
    return inflate(body, encoding, this.#limits.maxBodyBytes);
  }

  draining(): boolean {
    return this.#memory.draining;
  }

  async receive(request: ExportRequest): Promise<Answer> {
    const { protocol } = request;
    const startedMs = performance.now();
    this.#inside += 1;
    try {
      const answer = await this.#deliver(request).catch((error: unknown): Answer => {
        // our bug; one request must not take the open traces of all others with it
        this.#log('error', 'a request made the router fail', {
          error: error instanceof Error ? error.stack : String(error),
        });
        return { kind: 'crashed', message: 'internal error' };
      });
      this.#metrics.add('requests', { protocol, outcome: answer.kind });
      const tookSeconds = (performance.now() - startedMs) / 1000;
      this.#metrics.observe('requestDuration', { protocol }, tookSeconds);
      return answer;
    } finally {
      this.#inside -= 1;
    }
  }

  async drain(untilMs: number): Promise<void> {
    this.#memory.draining = true;
    for (; Date.now() < untilMs; await sleep(5)) if (this.#inside === 0) return;
  }

  report(): void {
    this.#metrics.set('inflightBytes', {}, this.#memory.inflightBytes);
  }

  async #deliver(request: ExportRequest): Promise<Answer> {
    const { encoding, body } = request;
    const said = encoding === '' ? 'identity' : encoding;
    this.#metrics.add('receivedBytes', { encoding: said }, body.length);
    const plain = await this.inflated(body, encoding);
    if (!Buffer.isBuffer(plain)) return plain;
    const message = this.#messageOf(request, plain);
    if (!Buffer.isBuffer(message)) return message;
    const scan = this.#scan(message);
    if ('kind' in scan) return scan;
    const crowded = request.memory.hold(scan.spans * bytesPerSpan);
    if (crowded !== null) return crowded;
    const { malformedSpans, unidentifiedSpans } = scan;
    if (malformedSpans + unidentifiedSpans > 0) {
      this.#metrics.add('spans', { outcome: 'malformed' }, malformedSpans);
      this.#metrics.add('spans', { outcome: 'unidentified' }, unidentifiedSpans);
    }
    // answered with a fifth of the client's time to spare, or it would not hear it
    const patienceMs = Math.min(this.#limits.ackTimeoutMs, (request.deadlineMs ?? Infinity) * 0.8);
    const answer = scan.spans === 0 ? accepted : await this.#destination.deliver(scan, patienceMs);
    return withRejected(answer, malformedSpans, unidentifiedSpans);
  }

  /** The request in protobuf, or why it is refused. */
  #messageOf({ body, format, memory }: ExportRequest, plain: Buffer): Buffer | Answer {
    if (plain !== body) {
      const refused = memory.grow(Math.max(0, plain.length - body.length));
      if (refused !== null) return refused;
    }
    if (format === 'protobuf') return plain;
    const { maxJsonBytes } = this.#limits;
    if (plain.length > maxJsonBytes) {
      const message = `more than ${maxJsonBytes} bytes of JSON; protobuf may be larger`;
      return { kind: 'too_large', message };
    }
    const message = otlpJsonToProtobuf(plain);
    return typeof message === 'string' ? { kind: 'malformed', message } : message;
  }

  /** Where the spans of a request are, or why it is refused. */
  #scan(message: Buffer): Scan | Answer {
    const first = this.#scanner(message);
    // A large one is worked off in slices, and another request may be scanned in between.
    const scan =
      first !== null && first.spans > spansAtOnce
        ? startScanner(this.#limits.maxSpans)(message)
        : first;
    if (scan === null) {
      return { kind: 'malformed', message: 'the body is not an ExportTraceServiceRequest' };
    }
    if (!scan.tooManySpans) return scan;
    this.#metrics.add('refusals', { reason: 'spans' });
    return { kind: 'too_large', message: `more than ${this.#limits.maxSpans} spans` };
  }
}
