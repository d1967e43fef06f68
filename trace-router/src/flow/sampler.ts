/**
 * The built-in tail sampler as one machine: events in, effects out, no clock and no socket of its own.
 *
 *   fragment -> decided before? -> late: goes the way of its trace
 *            -> open trace, waits: root + grace, timeout, too large, memory short, shutdown
 *            -> judge: policies -> keep (to be written) or drop, and the decision is remembered
 *
 * Bounded everywhere: open traces and bytes, remembered decisions. What does not fit is decided early, never lost.
 */
import type { Trigger } from '../contract/reasons.ts';
import { judge } from '../decide/judge.ts';
import { overfull } from '../decide/evict.ts';
import type { TraceMemory } from '../decide/evict.ts';
import { ripe } from '../decide/ripe.ts';
import type { Patience } from '../decide/ripe.ts';
import type { Decision, Voter } from '../model/decision.ts';
import type { FactReader, Fragment } from '../model/trace.ts';
import { OpenTraces } from './open-traces.ts';
import type { OpenTrace } from './open-traces.ts';
import { Remembered } from './remembered.ts';

/** What may change while traces are open: each is decided by what is in force then. */
export interface SamplerRules {
  readonly patience: Patience;
  readonly memory: TraceMemory;
  readonly voters: readonly Voter[];
  readonly readFacts: FactReader;
}

export interface SamplerSettings extends SamplerRules {
  /** Decisions remembered for late spans. */
  readonly remember: { readonly kept: number; readonly dropped: number };
}

export type SamplerEvent =
  | { readonly kind: 'fragments'; readonly fragments: readonly Fragment[]; readonly nowMs: number }
  /** At most `most` traces are decided, so that their writing can keep pace. */
  | { readonly kind: 'tick'; readonly nowMs: number; readonly most: number }
  | { readonly kind: 'shutdown'; readonly nowMs: number };

/** What became of a trace, or of spans that came late. Kept bytes are whole OTLP requests that concatenate. */
export type SamplerEffect =
  | {
      readonly kind: 'keep';
      readonly traceId: string;
      readonly fragments: readonly Buffer[];
      readonly spans: number;
      readonly decision: Decision;
    }
  | {
      readonly kind: 'drop';
      readonly traceId: string;
      readonly spans: number;
      readonly decision: Decision;
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
export const startSampler = (settings: SamplerSettings): Sampler => new Machine(settings);

class Machine implements Sampler {
  #rules: SamplerRules;
  readonly #open = new OpenTraces();
  readonly #kept: Remembered;
  readonly #dropped: Remembered;

  constructor(settings: SamplerSettings) {
    this.#rules = settings;
    this.#kept = new Remembered(settings.remember.kept);
    this.#dropped = new Remembered(settings.remember.dropped);
  }

  adopt(rules: SamplerRules): void {
    this.#rules = rules;
  }

  holding() {
    const { traces, bytes } = this.#open;
    return { traces, bytes, kept: this.#kept.size, dropped: this.#dropped.size };
  }

  advance(event: SamplerEvent): SamplerEffect[] {
    const effects: SamplerEffect[] = [];
    const { nowMs } = event;
    switch (event.kind) {
      case 'fragments':
        for (const fragment of event.fragments) this.#take(fragment, nowMs, effects);
        return effects;
      case 'tick':
        while (effects.length < event.most) {
          const next = this.#nextRipe(nowMs);
          if (next === null) break;
          effects.push(this.#decide(next.trace, next.trigger, nowMs));
        }
        this.#open.compact();
        return effects;
      case 'shutdown': {
        const open = this.#open;
        for (let trace = open.oldest(); trace !== undefined; trace = open.oldest()) {
          effects.push(this.#decide(trace, 'shutdown', nowMs));
        }
        return effects;
      }
    }
  }

  #take(fragment: Fragment, nowMs: number, effects: SamplerEffect[]): void {
    const { patience, memory } = this.#rules;
    const open = this.#open;
    let trace = open.get(fragment.traceId);
    if (trace === undefined) {
      const effect = this.#late(fragment);
      if (effect !== null) {
        effects.push(effect);
        return;
      }
      trace = open.open(fragment.traceId, nowMs);
    }
    open.add(trace, fragment, nowMs, patience.afterRootMs !== null);
    if (trace.sizeBytes > patience.maxTraceBytes) effects.push(this.#decide(trace, 'size', nowMs));
    while (overfull(open, memory)) {
      const first = open.oldest();
      if (first === undefined) return;
      effects.push(this.#decide(first, 'memory', nowMs));
    }
  }

  /** What becomes of a fragment whose trace was decided before; null: it was not, or that is forgotten. */
  #late({ traceId, bytes, spans }: Fragment): SamplerEffect | null {
    const decision = this.#kept.get(traceId) ?? this.#dropped.get(traceId);
    if (decision === undefined) return null;
    return decision.kind === 'keep'
      ? { kind: 'keep', traceId, fragments: [bytes], spans, decision }
      : { kind: 'drop', traceId, spans, decision };
  }

  /** The next trace whose time has come. Both queues are in order of time, so only their heads can be ripe. */
  #nextRipe(nowMs: number): { trace: OpenTrace; trigger: Trigger } | null {
    for (const trace of [this.#open.oldestRooted(), this.#open.oldest()]) {
      if (trace === undefined) continue;
      const trigger = ripe(trace, this.#rules.patience, nowMs);
      if (trigger !== null) return { trace, trigger };
    }
    return null;
  }

  #decide(trace: OpenTrace, trigger: Trigger, nowMs: number): SamplerEffect {
    const { traceId, spans, fragments } = trace;
    const { readFacts, voters } = this.#rules;
    this.#open.remove(trace);
    const decision = judge(readFacts(trace), voters, trigger, nowMs);
    const remembered: Decision = { ...decision, reason: 'remembered', trigger: 'late' };
    if (decision.kind === 'keep') {
      this.#kept.add(traceId, remembered);
      return { kind: 'keep', traceId, fragments, spans, decision };
    }
    this.#dropped.add(traceId, remembered);
    return { kind: 'drop', traceId, spans, decision };
  }
}
