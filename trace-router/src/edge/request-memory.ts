import type { RouterConfig } from '../config/config.ts';
import type { Answer } from '../model/answer.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** Memory held by one request, from its first byte to its answer. */
export interface RequestMemory {
  /** More bytes of it have come; null: they fit. */
  grow(bytes: number): Answer | null;
  /** What was made of it takes so much; null: it fits. */
  hold(bytes: number): Answer | null;
  release(): void;
}

const stopping: Answer = { kind: 'busy', message: 'the router is stopping', retryAfterMs: 1000 };

/** The memory that all unanswered requests share. */
export class SharedMemory {
  readonly limits: RouterConfig['receive'];
  readonly metrics: Metrics;
  inflightBytes = 0;
  /** From now on nothing more comes in. */
  draining = false;

  constructor(limits: RouterConfig['receive'], metrics: Metrics) {
    this.limits = limits;
    this.metrics = metrics;
  }

  /** For one more request, which holds nothing yet. */
  open(): RequestMemory {
    return new OneRequest(this);
  }
}

class OneRequest implements RequestMemory {
  readonly #shared: SharedMemory;
  #held = 0;
  #received = 0;

  constructor(shared: SharedMemory) {
    this.#shared = shared;
  }

  grow(bytes: number): Answer | null {
    const { draining, limits, metrics } = this.#shared;
    if (draining) {
      metrics.add('refusals', { reason: 'draining' });
      return stopping;
    }
    if (this.#received + bytes > limits.maxBodyBytes) {
      return { kind: 'too_large', message: `more than ${limits.maxBodyBytes} bytes` };
    }
    const refused = this.hold(bytes);
    if (refused === null) this.#received += bytes;
    return refused;
  }

  hold(bytes: number): Answer | null {
    const shared = this.#shared;
    const { maxInflightBytes } = shared.limits;
    // one request at least always fits, however small the limit
    if (shared.inflightBytes > this.#held && shared.inflightBytes + bytes > maxInflightBytes) {
      shared.metrics.add('refusals', { reason: 'inflight' });
      const message = `${maxInflightBytes} bytes of requests are waiting for their answer`;
      return { kind: 'busy', message, retryAfterMs: 1000 };
    }
    this.#held += bytes;
    shared.inflightBytes += bytes;
    return null;
  }

  release(): void {
    this.#shared.inflightBytes -= this.#held;
    this.#held = 0;
  }
}
