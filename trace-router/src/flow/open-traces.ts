import type { Fragment } from '../model/trace.ts';

export interface OpenTrace {
  readonly traceId: string;
  readonly firstSeenMs: number;
  rootSeenMs: number | null;
  sizeBytes: number;
  spans: number;
  readonly fragments: Buffer[];
}

/** What a trace and a fragment of one cost beside their bytes: counted, so that many tiny ones cannot exceed the bound. */
const traceOverheadBytes = 768;
const fragmentOverheadBytes = 256;

/** Traces that wait for their decision, in two orders: of their first spans, and of their roots. */
export class OpenTraces {
  // A Map keeps insertion order, so the first entry is the trace that has waited longest.
  readonly #traces = new Map<string, OpenTrace>();
  /** In the order in which their roots came; ones decided meanwhile are skipped. */
  readonly #rooted: OpenTrace[] = [];
  #rootedFrom = 0;
  #bytes = 0;

  /** How many there are. */
  get traces(): number {
    return this.#traces.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(traceId: string): OpenTrace | undefined {
    return this.#traces.get(traceId);
  }

  /** A trace of which nothing was seen before. */
  open(traceId: string, nowMs: number): OpenTrace {
    const trace: OpenTrace = {
      traceId,
      firstSeenMs: nowMs,
      rootSeenMs: null,
      sizeBytes: traceOverheadBytes,
      spans: 0,
      fragments: [],
    };
    this.#bytes += traceOverheadBytes;
    this.#traces.set(traceId, trace);
    return trace;
  }

  /** @param queueRoot whether a trace with its root is to be found by `oldestRooted` */
  add(trace: OpenTrace, fragment: Fragment, nowMs: number, queueRoot: boolean): void {
    trace.fragments.push(fragment.bytes);
    trace.spans += fragment.spans;
    const sizeBytes = fragment.bytes.length + fragmentOverheadBytes;
    trace.sizeBytes += sizeBytes;
    this.#bytes += sizeBytes;
    if (!fragment.hasRoot || trace.rootSeenMs !== null) return;
    trace.rootSeenMs = nowMs;
    if (queueRoot) this.#rooted.push(trace);
  }

  remove({ traceId, sizeBytes }: OpenTrace): void {
    this.#traces.delete(traceId);
    this.#bytes -= sizeBytes;
  }

  oldest(): OpenTrace | undefined {
    return this.#traces.values().next().value;
  }

  oldestRooted(): OpenTrace | undefined {
    for (; this.#rootedFrom < this.#rooted.length; this.#rootedFrom += 1) {
      const trace = this.#rooted[this.#rootedFrom];
      if (trace !== undefined && this.#traces.get(trace.traceId) === trace) return trace;
    }
    this.#rooted.length = 0;
    this.#rootedFrom = 0;
    return undefined;
  }

  /** Lets go of the decided ones in the order of roots, once they are many. */
  compact(): void {
    if (this.#rootedFrom < 1024 || this.#rootedFrom * 2 < this.#rooted.length) return;
    this.#rooted.splice(0, this.#rootedFrom);
    this.#rootedFrom = 0;
  }
}
