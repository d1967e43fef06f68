/** Settlement -> metrics. The counters and histograms of one call, all from one value. */
import { outcomes } from '../contract/outcomes.ts';
import { costOfAttempts, overheadMs, type Attempt, type Settlement } from '../model/settlement.ts';
import { inputTokens, outputTokens, type TokenCounts } from '../model/usage.ts';
import type { Counter, Histogram, Labels, Money } from '../contract/metrics.ts';

/** Where counts go. */
export interface Tally {
  add<M extends Counter>(metric: M, labels: Labels<M>, amount: number, traceId?: string): void;
  addMoney<M extends Counter & Money>(
    metric: M,
    labels: Labels<M>,
    picodollars: bigint,
    traceId?: string,
  ): void;
  observe<M extends Histogram>(metric: M, labels: Labels<M>, value: number, traceId?: string): void;
}

/** The ten classes of the ledger in the five of `tollgate_tokens_total`; their sums are equal. */
const tokenClasses = {
  input: (t) => t.input_uncached + t.input_audio + t.input_image,
  cache_read: (t) => t.input_cache_read,
  cache_write: (t) => t.input_cache_write + t.input_cache_write_long,
  output: (t) => t.output_text + t.output_audio + t.output_image,
  reasoning: (t) => t.output_reasoning,
} as const satisfies Record<string, (tokens: TokenCounts) => number>;
const tokenClassList: readonly (readonly [string, (tokens: TokenCounts) => number])[] =
  Object.entries(tokenClasses);

const blame = (settlement: Settlement): string => {
  switch (settlement.streamOutcome) {
    case '':
    case 'complete':
      return '';
    case 'abandoned':
      return 'client';
    case 'cut':
    case 'stalled':
    case 'failed':
      return settlement.errorOrigin === 'gateway' ? 'gateway' : 'provider';
  }
};

const countAttempt = (store: Tally, settlement: Settlement, attempt: Attempt): void => {
  const { provider, model } = attempt.target;
  const { traceId } = settlement.call.trace;
  const semantic = { gen_ai_provider_name: attempt.genAiProvider, gen_ai_request_model: model };
  const result = attempt.error === '' ? 'ok' : 'error';
  store.add('attempts', { provider, model, result, error: attempt.error }, 1, traceId);
  store.observe(
    'operationDuration',
    { ...semantic, error_type: attempt.error === '' ? '' : '_OTHER' },
    attempt.durationMs / 1000,
  );
  const { tokens } = attempt.usage;
  store.observe('tokenUsage', { ...semantic, gen_ai_token_type: 'input' }, inputTokens(tokens));
  store.observe('tokenUsage', { ...semantic, gen_ai_token_type: 'output' }, outputTokens(tokens));
  store.addMoney('modelCost', { provider, model }, attempt.charge.total);
  if (attempt.wasteReason !== '') {
    store.addMoney('waste', { provider, reason: attempt.wasteReason }, attempt.charge.total);
  }
  const { priceStatus } = attempt.charge;
  if (priceStatus === 'unpriced' || priceStatus === 'partly_unpriced')
    store.add('unpriced', { provider, model }, 1);
  if (attempt.usage.impossible !== undefined) store.add('impossibleUsage', { provider }, 1);
  if (attempt.usageSource === 'partial' || attempt.usageSource === 'estimated') {
    store.add('estimated', { provider, source: attempt.usageSource }, 1);
  }
};

const countFurther = (store: Tally, attempts: readonly Attempt[]): void => {
  for (const [i, attempt] of attempts.entries()) {
    const next = attempts[i + 1];
    if (next === undefined) continue;
    const labels = {
      from_provider: attempt.target.provider,
      to_provider: next.target.provider,
      reason: attempt.error,
    };
    store.add(attempt.wasteReason === 'retry' ? 'retries' : 'fallbacks', labels, 1);
  }
};

const countStream = (store: Tally, settlement: Settlement, served: Attempt): void => {
  const { provider, model } = served.target;
  const semantic = { gen_ai_provider_name: served.genAiProvider, gen_ai_request_model: model };
  store.add(
    'streamEndings',
    { provider, model, outcome: settlement.streamOutcome, blame: blame(settlement) },
    1,
  );
  if (settlement.firstTokenMs === null) return;
  const { traceId } = settlement.call.trace;
  store.observe('timeToFirstToken', semantic, settlement.firstTokenMs / 1000, traceId);
  store.observe('streamGap', { provider }, served.maxGapMs / 1000);
  const output = outputTokens(served.usage.tokens);
  if (output > 1) {
    const perTokenMs = (settlement.durationMs - settlement.firstTokenMs) / (output - 1);
    store.observe('timePerOutputToken', semantic, perTokenMs / 1000);
  }
};

/** Counts a refused call that is written down nowhere; what would lead to its trace is left out. */
export const countUnwritten = (store: Tally, { call, outcome }: Settlement): void => {
  const caller_team = call.caller?.team ?? '';
  const caller_app = call.caller?.app ?? '';
  store.add('calls', { caller_team, caller_app, outcome }, 1);
  store.add('unwritten', { outcome }, 1);
};

/** Counts one settled call. */
export const count = (store: Tally, settlement: Settlement): void => {
  const { call, attempts, outcome } = settlement;
  const { traceId } = call.trace;
  const caller_team = call.caller?.team ?? '';
  const caller_app = call.caller?.app ?? '';
  store.add('calls', { caller_team, caller_app, outcome }, 1, traceId);
  for (const attempt of attempts) countAttempt(store, settlement, attempt);
  if (attempts.length > 1) countFurther(store, attempts);
  const served = attempts.at(-1);
  if (served !== undefined) {
    for (const [bucket, of] of tokenClassList) {
      let tokens = 0;
      for (const { usage } of attempts) tokens += of(usage.tokens);
      if (tokens > 0) store.add('tokens', { caller_team, caller_app, bucket }, tokens);
    }
    store.addMoney('cost', { caller_team, caller_app }, costOfAttempts(attempts), traceId);
    if (call.parameters?.stream === true) countStream(store, settlement, served);
  }
  // Refused calls measure nobody's service: they have no provider and end at once.
  if (attempts.length > 0) {
    store.observe(
      'requestDuration',
      {
        gen_ai_operation_name: call.operation,
        gen_ai_provider_name: served?.genAiProvider ?? '',
        gen_ai_request_model: served?.target.model ?? '',
        error_type: outcomes[outcome].span === 'error' ? '_OTHER' : '',
      },
      settlement.durationMs / 1000,
      traceId,
    );
  }
  store.observe('overhead', { operation: call.operation }, overheadMs(settlement) / 1000, traceId);
};
