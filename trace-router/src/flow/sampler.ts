/**
 * The built-in tail sampler as one machine: events in, effects out, no clock and no socket of its own.
 *
 *   piece -> decided before? -> late: goes the way of its trace
 *         -> open trace, waits: root + grace, timeout, too large, memory short, shutdown
 *         -> judge: policies -> keep (to be written) or drop, and the decision is remembered
 *
 * Bounded everywhere: open traces and bytes, remembered decisions. What does not fit is decided early, never lost.
 */
import type { Trigger } from '../contract/reasons.ts';
import { judge } from '../decide/judge.ts';
import { overfull } from '../decide/evict.ts';
import type { Room } from '../decide/evict.ts';
import { ripe } from '../decide/ripe.ts';
import type { Patience } from '../decide/ripe.ts';
import type { Decision, Voter } from '../model/decision.ts';
import type { FactReader, Piece } from '../model/trace.ts';

/** What may change while traces are open: each is decided by what is in force then. */
export interface SamplerRules {
  readonly patience: Patience;
  readonly room: Room;
  readonly voters: readonly Voter[];
  readonly readFacts: FactReader;
}

export interface SamplerSettings extends SamplerRules {
  /** Decisions remembered for late spans. */
  readonly remember: { readonly kept: number; readonly dropped: number };
}

export type SamplerEvent =
  | { readonly kind: 'pieces'; readonly pieces: readonly Piece[]; readonly nowMs: number }
  /** At most `most` traces are decided, so that their writing can keep pace. */
  | { readonly kind: 'tick'; readonly nowMs: number; readonly most: number }
  | { readonly kind: 'shutdown'; readonly nowMs: number };

/** What became of a trace, or of spans that came late. Kept bytes are whole OTLP requests that concatenate. */
export type SamplerEffect =
  | {
      readonly kind: 'keep';
      readonly traceId: string;
      readonly pieces: readonly Buffer[];
      readonly spans: number;
      readonly decision: Decision;
    }
  | {
      readonly kind: 'drop';
      readonly traceId: string;
      readonly spans: number;
      readonly decision: Decision;
    };

interface OpenTrace {
  readonly traceId: string;
  readonly firstSeenMs: number;
  rootSeenMs: number | null;
  sizeBytes: number;
  spans: number;
  readonly pieces: Buffer[];
}

/** What a trace and a piece of one cost beside their bytes: counted, so that many tiny ones cannot exceed the bound. */
const traceOverheadBytes = 768;
const pieceOverheadBytes = 256;

/** Decisions by trace id, the oldest forgotten first. */
const memoryOf = (capacity: number) => {
  const known = new Map<string, Decision>();
  return {
    get: (traceId: string) => known.get(traceId),
    add(traceId: string, decision: Decision) {
      if (capacity === 0) return;
      known.delete(traceId);
      known.set(traceId, decision);
      if (known.size <= capacity) return;
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    },
    size: () => known.size,
  };
};

export interface Sampler {
  /** From now on by these rules. */
  adopt(rules: SamplerRules): void;
  advance(event: SamplerEvent): SamplerEffect[];
  /** What it holds now. */
  holding(): {
    readonly traces: number;
    readonly bytes: number;
    readonly kept: number;
    readonly dropped: number;
  };
}

/** A sampler with nothing open. */
export const createSampler = (settings: SamplerSettings): Sampler => {
  let { patience, room, voters, readFacts }: SamplerRules = settings;
  // A Map keeps insertion order, so the first entry is the trace that has waited longest.
  const open = new Map<string, OpenTrace>();
  /** Traces in the order in which their roots came; ones decided meanwhile are skipped. */
  const rooted: OpenTrace[] = [];
  let rootedFrom = 0;
  const kept = memoryOf(settings.remember.kept);
  const dropped = memoryOf(settings.remember.dropped);
  let openBytes = 0;

  const decide = (trace: OpenTrace, trigger: Trigger, nowMs: number): SamplerEffect => {
    const { traceId, spans, pieces } = trace;
    open.delete(traceId);
    openBytes -= trace.sizeBytes;
    const decision = judge(readFacts(trace), voters, trigger, nowMs);
    const remembered: Decision = { ...decision, reason: 'remembered', trigger: 'late' };
    if (decision.kind === 'keep') {
      kept.add(traceId, remembered);
      return { kind: 'keep', traceId, pieces, spans, decision };
    }
    dropped.add(traceId, remembered);
    return { kind: 'drop', traceId, spans, decision };
  };

  const oldest = (): OpenTrace | undefined => open.values().next().value;
  const oldestRooted = (): OpenTrace | undefined => {
    for (; rootedFrom < rooted.length; rootedFrom += 1) {
      const trace = rooted[rootedFrom];
      if (trace !== undefined && open.get(trace.traceId) === trace) return trace;
    }
    rooted.length = 0;
    rootedFrom = 0;
    return undefined;
  };
  const compactRooted = () => {
    if (rootedFrom < 1024 || rootedFrom * 2 < rooted.length) return;
    rooted.splice(0, rootedFrom);
    rootedFrom = 0;
  };

  const late = (piece: Piece): SamplerEffect | null => {
    const { traceId, spans } = piece;
    const decision = kept.get(traceId) ?? dropped.get(traceId);
    if (decision === undefined) return null;
    return decision.kind === 'keep'
      ? { kind: 'keep', traceId, pieces: [piece.bytes], spans, decision }
      : { kind: 'drop', traceId, spans, decision };
  };

  const take = (piece: Piece, nowMs: number, effects: SamplerEffect[]): void => {
    const { traceId } = piece;
    let trace = open.get(traceId);
    if (trace === undefined) {
      const effect = late(piece);
      if (effect !== null) {
        effects.push(effect);
        return;
      }
      trace = {
        traceId,
        firstSeenMs: nowMs,
        rootSeenMs: null,
        sizeBytes: traceOverheadBytes,
        spans: 0,
        pieces: [],
      };
      openBytes += traceOverheadBytes;
      open.set(traceId, trace);
    }
    trace.pieces.push(piece.bytes);
    trace.spans += piece.spans;
    const sizeBytes = piece.bytes.length + pieceOverheadBytes;
    trace.sizeBytes += sizeBytes;
    openBytes += sizeBytes;
    if (piece.hasRoot && trace.rootSeenMs === null) {
      trace.rootSeenMs = nowMs;
      if (patience.afterRootMs !== null) rooted.push(trace);
    }
    if (trace.sizeBytes > patience.maxTraceBytes) effects.push(decide(trace, 'size', nowMs));
    while (overfull({ traces: open.size, bytes: openBytes }, room)) {
      const first = oldest();
      if (first === undefined) return;
      effects.push(decide(first, 'memory', nowMs));
    }
  };

  /** The next trace whose time has come. Both queues are in order of time, so only their heads can be ripe. */
  const nextRipe = (nowMs: number): { trace: OpenTrace; trigger: Trigger } | null => {
    for (const trace of [oldestRooted(), oldest()]) {
      if (trace === undefined) continue;
      const trigger = ripe(trace, patience, nowMs);
      if (trigger !== null) return { trace, trigger };
    }
    return null;
  };

  return {
    adopt(rules) {
      ({ patience, room, voters, readFacts } = rules);
    },
    holding: () => ({
      traces: open.size,
      bytes: openBytes,
      kept: kept.size(),
      dropped: dropped.size(),
    }),
    advance(event) {
      const effects: SamplerEffect[] = [];
      const { nowMs } = event;
      switch (event.kind) {
        case 'pieces':
          for (const piece of event.pieces) take(piece, nowMs, effects);
          return effects;
        case 'tick':
          while (effects.length < event.most) {
            const next = nextRipe(nowMs);
            if (next === null) break;
            effects.push(decide(next.trace, next.trigger, nowMs));
          }
          compactRooted();
          return effects;
        case 'shutdown':
          for (let trace = oldest(); trace !== undefined; trace = oldest()) {
            effects.push(decide(trace, 'shutdown', nowMs));
          }
          return effects;
      }
    },
  };
};
