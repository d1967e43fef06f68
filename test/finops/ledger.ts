/**
 * A ledger of some hundred calls whose every number is known: what it holds is data here, so that answers can be worked out without the
 * engine. It ends on the 20th of the last month, `today`, and reaches back to the first of the month before the one before.
 */
import { createHash } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

export interface Try {
  readonly provider: string;
  readonly account: string;
  readonly model: string;
  readonly tier: string;
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  /** Searches, which cost a cent each. */
  readonly other: number;
  /** Dollars in millionths of a millionth, as all money here. */
  readonly costs: Readonly<Record<'input' | 'cached' | 'output' | 'other', bigint>>;
  readonly discount: bigint;
  readonly waste: string;
  readonly priceStatus: string;
  readonly usageSource: string;
}

export interface Call {
  readonly at: Date;
  readonly seq: number;
  readonly entry: 'call' | 'correction';
  readonly billingMonth: string;
  readonly org: string;
  readonly team: string;
  readonly app: string;
  readonly key: string;
  readonly agent: string;
  readonly namespace: string;
  readonly environment: string;
  readonly costCenter: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly user: string;
  readonly session: string;
  readonly trace: string;
  readonly outcome: string;
  readonly finish: string;
  readonly durationMs: number;
  readonly cacheSaved: bigint;
  readonly tries: readonly Try[];
}

const dayMs = 86_400_000;
const isoDay = (at: Date): string => at.toISOString().slice(0, 10);
const now = new Date();
/** The 20th of the last month: recent enough for the table to keep its rows, and in the middle of a month. */
export const today = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 20));
export const daysAgo = (days: number): Date => new Date(today.getTime() - days * dayMs);
export const monthsAgo = (months: number): Date =>
  new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - months, 1));
export const dayOf = (call: { readonly at: Date }): string => isoDay(call.at);
export const monthOf = (call: { readonly at: Date }): string => `${isoDay(call.at).slice(0, 7)}-01`;
export const dayText = isoDay;

export const costOf = ({ costs }: Try): bigint =>
  costs.input + costs.cached + costs.output + costs.other;
export const sumOf = <T>(all: readonly T[], of: (one: T) => bigint): bigint =>
  all.reduce((sum, one) => sum + of(one), 0n);
export const costOfCall = ({ tries }: Call): bigint => sumOf(tries, costOf);
export const wasteOfCall = ({ tries }: Call): bigint =>
  sumOf(
    tries.filter(({ waste }) => waste !== ''),
    costOf,
  );

/** A whole number below `below`, the same for the same words every time. */
const pick = (below: number, ...words: readonly (string | number)[]): number =>
  createHash('sha256').update(words.join('/')).digest().readUInt32BE(0) % below;
const oneOf = (all: readonly string[], ...words: readonly (string | number)[]): string =>
  all[pick(all.length, ...words)] ?? '';

/** Pico-dollars a token, in and out. */
const models = [
  { provider: 'openai', model: 'gpt-5', input: 1_250_001n, output: 10_000_003n },
  { provider: 'openai', model: 'gpt-5-mini', input: 250_000n, output: 2_000_000n },
  { provider: 'anthropic', model: 'claude-sonnet-5', input: 3_000_000n, output: 15_000_007n },
  { provider: 'mistral', model: 'mistral-large', input: 500_000n, output: 1_500_000n },
] as const;

const tryOf = (seq: number, attempt: number, waste: string): Try => {
  const chosen = models[pick(models.length, seq, attempt, 'model')] ?? models[0];
  const input = 100 + pick(4000, seq, attempt, 'in');
  const cached = pick(3, seq, 'cached') === 0 ? pick(3000, seq, attempt, 'cached') : 0;
  const output = 10 + pick(800, seq, attempt, 'out');
  const other = pick(10, seq, 'searches') === 0 ? 1 + pick(3, seq, attempt, 'searches') : 0;
  const unpriced = pick(40, seq, 'unpriced') === 0;
  const price = unpriced ? 0n : 1n;
  const costs = {
    input: BigInt(input) * chosen.input * price,
    cached: (BigInt(cached) * chosen.input * price) / 10n,
    output: BigInt(output) * chosen.output * price,
    other: BigInt(other) * 10_000_000_000n,
  };
  return {
    provider: chosen.provider,
    account: `${chosen.provider}-${pick(2, seq, 'account')}`,
    model: chosen.model,
    tier: oneOf(['', '', '', 'flex', 'priority'], seq, 'tier'),
    input,
    cached,
    output,
    other,
    costs,
    discount:
      pick(4, seq, 'discount') === 0 ? (costs.input + costs.cached + costs.output) / 7n : 0n,
    waste,
    priceStatus: unpriced ? 'unpriced' : 'priced',
    usageSource: waste === 'failed' || pick(15, seq, 'source') === 0 ? 'estimated' : 'provider',
  };
};

const triesOf = (seq: number): readonly Try[] => {
  switch (pick(20, seq, 'tries')) {
    case 0:
    case 1:
      return [];
    case 2:
      return [tryOf(seq, 1, 'retry'), tryOf(seq, 2, '')];
    case 3:
      return [tryOf(seq, 1, 'fallback'), tryOf(seq, 2, 'retry'), tryOf(seq, 3, '')];
    case 4:
      return [tryOf(seq, 1, 'retry'), tryOf(seq, 2, 'failed')];
    default:
      return [tryOf(seq, 1, '')];
  }
};

const callOf = (seq: number, at: Date): Call => {
  const tries = triesOf(seq);
  const team = oneOf(['search', 'support', "o'hara", 'risk'], seq, 'team');
  const app = oneOf(['web', 'batch', 'bot'], seq, 'app');
  const failed = tries.at(-1)?.waste === 'failed';
  const session = pick(60, seq, 'session');
  return {
    at,
    seq,
    entry: 'call',
    billingMonth: monthOf({ at }),
    org: 'default',
    team,
    app,
    key: `key-${team}-${app}-${pick(2, seq, 'key')}`,
    agent: oneOf(['', 'planner', 'coder', 'writer'], seq, 'agent'),
    namespace: oneOf(['eu', 'us'], seq, 'namespace'),
    environment: oneOf(['production', 'staging'], seq, 'environment'),
    costCenter: team === 'risk' ? '' : `cc-${team}`,
    tags:
      pick(3, seq, 'tags') === 0
        ? {}
        : { feature: oneOf(['summary', 'chat'], seq, 'feature'), release: 'r1' },
    user: pick(5, seq, 'user') === 0 ? '' : `user-${pick(30, seq, 'user')}`,
    session: session < 10 ? '' : `session-${session}`,
    trace: createHash('md5')
      .update(`trace ${session} ${pick(3, seq, 'trace')}`)
      .digest('hex'),
    outcome:
      tries.length === 0
        ? oneOf(['refused', 'throttled'], seq, 'outcome')
        : failed
          ? 'exhausted'
          : 'answered',
    finish:
      tries.length === 0 || failed ? '' : oneOf(['stop', 'stop', 'stop', 'length'], seq, 'finish'),
    durationMs: 1 + pick(9000, seq, 'duration'),
    cacheSaved: sumOf(tries, ({ costs }) => costs.cached * 9n),
    tries,
  };
};

/** What a correction of a call says: a third of its cost is taken back, in the month after. */
const correctionOf = (call: Call, seq: number): Call => ({
  ...call,
  seq,
  entry: 'correction',
  billingMonth: monthOf({
    at: new Date(Date.UTC(call.at.getUTCFullYear(), call.at.getUTCMonth() + 1, 1)),
  }),
  cacheSaved: 0n,
  tries: call.tries.map((one) => ({
    ...one,
    input: 0,
    cached: 0,
    output: 0,
    other: 0,
    costs: {
      input: -(one.costs.input / 3n),
      cached: -(one.costs.cached / 3n),
      output: -(one.costs.output / 3n),
      other: 0n,
    },
    discount: 0n,
  })),
});

const days = Math.round((today.getTime() - monthsAgo(2).getTime()) / dayMs) + 1;
const perDay = 12;
const plain = Array.from({ length: days * perDay }, (_, i) => {
  const start = monthsAgo(2).getTime() + Math.floor(i / perDay) * dayMs;
  return callOf(
    i + 1,
    new Date(start + pick(dayMs / 1000, i, 'time') * 1000 + pick(1000, i, 'ms')),
  );
});
/** Somebody let a loop run yesterday, at 13 o'clock. */
const spike = Array.from({ length: 30 }, (_, i) => ({
  ...callOf(plain.length + i + 1, new Date(daysAgo(1).getTime() + 13 * 3_600_000 + i * 1000)),
  team: 'risk',
  app: 'web',
  key: 'key-risk-loop',
  costCenter: '',
}));
const made = [...plain, ...spike];
const corrected = made.filter(
  (call) => pick(25, call.seq, 'corrected') === 0 && call.tries.length > 0,
);
/** All rows, in the order of their numbers. */
export const calls: readonly Call[] = [
  ...made,
  ...corrected.map((call, i) => correctionOf(call, made.length + i + 1)),
];

/** Dollars as the ledger writes them. */
export const usdText = (pico: bigint): string => {
  const digits = String(pico < 0n ? -pico : pico).padStart(13, '0');
  return `${pico < 0n ? '-' : ''}${digits.slice(0, -12)}.${digits.slice(-12)}`;
};
const stamp = (at: Date): string => at.toISOString().replace('T', ' ').replace('Z', '');
const idOf = (at: Date, seq: number): string => {
  const ms = at.getTime().toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-${String(seq).padStart(12, '0')}`;
};
/** The call that a correction is of has its id and its instant. */
const idSeqOf = (call: Call): number =>
  call.entry === 'call'
    ? call.seq
    : (made.find(
        ({ at, trace, entry }) => at === call.at && trace === call.trace && entry === 'call',
      )?.seq ?? 0);

const rowOf = (call: Call) => {
  const { tries } = call;
  const last = tries.at(-1);
  const total = (of: (one: Try) => number) => tries.reduce((sum, one) => sum + of(one), 0);
  const worst = (order: readonly string[], of: (one: Try) => string) =>
    order.find((word) => tries.some((one) => of(one) === word)) ?? 'none';
  return {
    started_at: stamp(call.at),
    call_id: idOf(call.at, idSeqOf(call)),
    entry: call.entry,
    correction_run: call.entry === 'call' ? '' : 'run-1',
    correction_reason: call.entry === 'call' ? '' : 'rerate',
    billing_month: call.billingMonth,
    replica: 'replica-1',
    seq: call.seq,
    org: call.org,
    caller_team: call.team,
    caller_app: call.app,
    caller_key_id: call.key,
    namespace: call.namespace,
    environment: call.environment,
    cost_center: call.costCenter,
    agent: call.agent,
    tags: call.tags,
    caller_user: call.user,
    session_id: call.session,
    trace_id: call.trace,
    operation: 'chat',
    provider: last?.provider ?? '',
    model: last?.model ?? '',
    service_tier: last?.tier ?? '',
    outcome: call.outcome,
    finish_reason: call.finish,
    waste_reason: tries.findLast(({ waste }) => waste !== '')?.waste ?? '',
    price_version: 'v1',
    duration_ms: call.durationMs,
    input_uncached: total(({ input }) => input),
    input_cache_read: total(({ cached }) => cached),
    output_text: total(({ output }) => output),
    units: { searches: total(({ other }) => other) },
    unit_costs: { searches: usdText(sumOf(tries, ({ costs }) => costs.other)) },
    usage_source: worst(['estimated', 'provider'], ({ usageSource }) => usageSource),
    price_status: worst(['unpriced', 'priced'], ({ priceStatus }) => priceStatus),
    cost_usd: usdText(costOfCall(call)),
    discount_usd: usdText(sumOf(tries, ({ discount }) => discount)),
    prompt_cache_saved_usd: usdText(call.cacheSaved),
    waste_usd: usdText(wasteOfCall(call)),
    'attempts.kind': tries.map(() => 'model'),
    'attempts.provider': tries.map(({ provider }) => provider),
    'attempts.account': tries.map(({ account }) => account),
    'attempts.model': tries.map(({ model }) => model),
    'attempts.service_tier': tries.map(({ tier }) => tier),
    'attempts.input_uncached': tries.map(({ input }) => input),
    'attempts.input_cache_read': tries.map(({ cached }) => cached),
    'attempts.output_text': tries.map(({ output }) => output),
    'attempts.other_units': tries.map(({ other }) => other),
    'attempts.cost_other': tries.map(({ costs }) => usdText(costs.other)),
    'attempts.usage_source': tries.map(({ usageSource }) => usageSource),
    'attempts.cost_usd': tries.map((one) => usdText(costOf(one))),
    'attempts.discount_usd': tries.map(({ discount }) => usdText(discount)),
    'attempts.cost_input_uncached': tries.map(({ costs }) => usdText(costs.input)),
    'attempts.cost_input_cache_read': tries.map(({ costs }) => usdText(costs.cached)),
    'attempts.cost_output_text': tries.map(({ costs }) => usdText(costs.output)),
    'attempts.waste_reason': tries.map(({ waste }) => waste),
    'attempts.price_id': tries.map(({ model }) => model),
    'attempts.price_status': tries.map(({ priceStatus }) => priceStatus),
  };
};

/** Puts calls into a ledger, as one insert of that name. */
export const insertCalls = async (
  { url, user, password }: Pick<FakeClickhouse, 'url' | 'user' | 'password'>,
  given: readonly Call[],
  token: string,
): Promise<void> => {
  const client = createClient({ url, username: user, password });
  const values = given.map(rowOf);
  const [column = '', ...columns] = Object.keys(values[0] ?? {});
  await client.insert({
    table: 'tollgate.calls',
    // Named, so that the arrays of `attempts` left out here are filled to the right length.
    columns: [column, ...columns],
    values,
    format: 'JSONEachRow',
    clickhouse_settings: {
      insert_deduplication_token: token,
      deduplicate_blocks_in_dependent_materialized_views: 1,
      optimize_on_insert: 0,
    },
  });
  await client.close();
};
