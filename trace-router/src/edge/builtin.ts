/**
 * The built-in tail sampler as a destination: cuts requests into traces, runs the machine of `flow/sampler.ts` by the
 * clock, and hands kept traces to the writer. While the writer is full nothing is decided and nothing is taken in, so
 * what has been acknowledged stays in bounded memory until ClickHouse is back.
 */
import type { RouterConfig } from '../config/config.ts';
import { decodeSpans } from '../otlp/decode.ts';
import { startFactReader } from '../otlp/facts.ts';
import type { Scan } from '../otlp/scan.ts';
import { tracesOf } from '../otlp/traces.ts';
import { startSampler } from '../flow/sampler.ts';
import type { SamplerEffect, SamplerRules } from '../flow/sampler.ts';
import { accepted } from '../model/answer.ts';
import type { Fragment } from '../model/trace.ts';
import { toRow } from './clickhouse/row.ts';
import type { Writer } from './clickhouse/writer.ts';
import type { Destination } from './members/destination.ts';
import { inSlices, spansAtOnce } from './slices.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** Traces decided before the loop is given back: decoding one costs up to a millisecond. */
const decisionsPerTurn = 100;

/** Traces taken in before the loop is given back: each may push out an older one, which is then decided. */
const fragmentsPerTurn = 250;

/** All traces of a request; one that reaches over slices comes in several fragments. Null: they would be too large. */
const allTraces = async (scan: Scan, maxBytes: number): Promise<readonly Fragment[] | null> => {
  const all: Fragment[] = [];
  let bytes = 0;
  let fits = true;
  await inSlices(scan.spans, spansAtOnce, (from, to) => {
    const fragments = fits ? tracesOf(scan, from, to, maxBytes - bytes) : null;
    if (fragments === null) {
      fits = false;
      return;
    }
    for (const fragment of fragments) {
      bytes += fragment.bytes.length;
      all.push(fragment);
    }
  });
  return fits ? all : null;
};

/** The rules of a configuration, for the machine. */
const rulesOf = ({ sampler, voters }: RouterConfig): SamplerRules => ({
  patience: {
    decisionWaitMs: sampler.decisionWaitMs,
    afterRootMs: sampler.decisionWaitAfterRootReceivedMs,
    maxTraceBytes: sampler.maximumTraceSizeBytes,
  },
  memory: { maxTraces: sampler.numTraces, maxBytes: sampler.maxOpenBytes },
  voters,
  readFacts: startFactReader(new Set(voters.flatMap(({ keys }) => keys))),
});

/** Ten looks in the shortest wait. */
const tickMsOf = ({ sampler }: RouterConfig): number => {
  const shortestMs = Math.min(sampler.decisionWaitMs, sampler.decisionWaitAfterRootReceivedMs);
  return Math.min(250, Math.max(5, shortestMs / 10));
};

/** The destination `builtin`. */
export const startBuiltin = (
  config: RouterConfig,
  writer: Writer,
  metrics: Metrics,
): Destination => {
  const { sampledCacheSize, nonSampledCacheSize } = config.sampler.decisionCache;
  const sampler = startSampler({
    ...rulesOf(config),
    remember: { kept: sampledCacheSize, dropped: nonSampledCacheSize },
  });

  const apply = (effect: SamplerEffect): void => {
    const { decision, spans } = effect;
    if (decision.trigger === 'late') {
      metrics.add('lateSpans', { decision: effect.kind === 'keep' ? 'kept' : 'dropped' }, spans);
    } else {
      const { policy, reason, trigger } = decision;
      metrics.add('decisions', { policy, decision: effect.kind, reason, trigger });
    }
    if (effect.kind === 'drop') {
      metrics.add('spans', { outcome: 'sampled_out' }, spans);
      return;
    }
    if (decision.trigger !== 'late') metrics.observe('keptTraceSpans', {}, spans);
    const rows = effect.fragments.flatMap((fragment) => decodeSpans(fragment).map(toRow));
    writer.add({ rows: Buffer.from(rows.join('')), spans });
  };

  let more: NodeJS.Immediate | null = null;
  const tick = (): void => {
    more = null;
    if (writer.full()) return;
    const effects = sampler.advance({
      kind: 'tick',
      nowMs: performance.now(),
      most: decisionsPerTurn,
    });
    for (const effect of effects) apply(effect);
    if (effects.length === decisionsPerTurn) more = setImmediate(tick);
  };
  let timer = setInterval(tick, tickMsOf(config));

  return {
    async deliver(scan) {
      if (writer.full()) {
        metrics.add('refusals', { reason: 'sampler' });
        return {
          kind: 'busy',
          message: 'ClickHouse does not take traces; the queue of kept spans is full',
          retryAfterMs: 1000,
        };
      }
      const { spans } = scan;
      const fragments = await allTraces(scan, config.receive.maxPartsBytes);
      if (fragments === null) {
        const most = config.receive.maxPartsBytes;
        return { kind: 'too_large', message: `more than ${most} bytes after splitting by trace` };
      }
      metrics.add('spans', { outcome: 'received' }, spans);
      metrics.add('spans', { outcome: 'accepted' }, spans);
      await inSlices(fragments.length, fragmentsPerTurn, (from, to) => {
        const slice = { kind: 'fragments', fragments: fragments.slice(from, to) } as const;
        for (const effect of sampler.advance({ ...slice, nowMs: performance.now() })) apply(effect);
      });
      return accepted;
    },
    adopt(next) {
      sampler.adopt(rulesOf(next));
      clearInterval(timer);
      timer = setInterval(tick, tickMsOf(next));
    },
    report() {
      const { traces: open, bytes, kept, dropped } = sampler.holding();
      metrics.set('openTraces', {}, open);
      metrics.set('openBytes', {}, bytes);
      metrics.set('rememberedDecisions', { decision: 'kept' }, kept);
      metrics.set('rememberedDecisions', { decision: 'dropped' }, dropped);
      metrics.set('writeQueueBytes', {}, writer.state().queuedBytes);
      metrics.set('backends', { resolver: 'static' }, 1);
    },
    describe: () => [{ name: 'builtin', ...sampler.holding(), ...writer.state() }],
    async close(untilMs) {
      clearInterval(timer);
      if (more !== null) clearImmediate(more);
      for (const effect of sampler.advance({ kind: 'shutdown', nowMs: performance.now() }))
        apply(effect);
      await writer.close(untilMs);
    },
  };
};
