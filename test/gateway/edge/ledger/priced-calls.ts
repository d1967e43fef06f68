/** Calls of a month, priced as live calls are by a price table: the same calls by two tables are what a re-rating is held against. */
import { Chain, rowHash } from '../../../../gateway/src/decide/chain.ts';
import {
  charge,
  dimensionsOf,
  noCharge,
  type PriceTable,
} from '../../../../gateway/src/decide/price.ts';
import { reportedCharge } from '../../../../gateway/src/decide/other-charges.ts';
import { clickhouseSink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';
import { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import type { Attempt, Settlement } from '../../../../gateway/src/model/settlement.ts';
import {
  noTokens,
  noUsage,
  type Dimensions,
  type Usage,
} from '../../../../gateway/src/model/usage.ts';
import { priceTable } from '../../../../gateway/src/prices/table.ts';
import type { Model } from '../../../../gateway/src/prices/sheet.ts';
import { putRow } from '../../../../gateway/src/projections/row.ts';
import type { FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { someAttempt, someCall, someSettlement } from '../../model/settlements.ts';

/** Prices of which each may be another: dollars per million tokens. */
export const tableOf = (
  version: string,
  { mini = '0.15', search = '10', flex = '0.5', discount = '1' } = {},
): PriceTable => {
  const models: readonly Model[] = [
    {
      id: 'openai/mini',
      match: { starts_with: 'mini' },
      source: 'test',
      prices: [
        {
          usd: {
            input_uncached: { usd: mini, above: [{ tokens: 100_000, usd: '1.7' }] },
            input_cache_read: { usd: '0.075' },
            output_text: { usd: '0.6' },
            web_searches: { usd: search },
          },
        },
      ],
      variants: [{ dimension: 'service_tier', value: 'flex', times: flex }],
    },
  ];
  const own =
    discount === '1'
      ? []
      : [{ provider: 'openai', model: 'contract', source: 'test', usd: {}, times: discount }];
  const contract: Model = {
    id: 'openai/contract',
    match: { equals: 'contract' },
    source: 'test',
    prices: [{ usd: { input_uncached: { usd: '3' }, output_text: { usd: '15.000007' } } }],
  };
  return priceTable(version, new Map([['openai', [[...models, contract]]]]), own);
};

interface Try {
  readonly model: string;
  readonly usage: Usage;
  readonly asked?: Dimensions;
  readonly waste?: Attempt['wasteReason'];
  readonly source?: Attempt['usageSource'];
  readonly reported?: number;
}

const used = (input: number, cached: number, output: number, searches = 0): Usage => ({
  ...noUsage,
  tokens: { ...noTokens, input_uncached: input, input_cache_read: cached, output_text: output },
  units: searches === 0 ? {} : { web_searches: searches },
});

/** The tries of the n-th call: every sort of call, over and over. */
const triesOf = (n: number): readonly Try[] => {
  const usage = used(1000 + n, 17 * n, 3 * n + 1);
  // oxfmt-ignore
  const sorts: readonly (readonly Try[])[] = [
    [{ model: 'mini', usage }],
    [{ model: 'mini-2026', usage: used(100_001 + n, 0, 5) }],
    [{ model: 'mini', usage, waste: 'retry', source: 'partial' }, { model: 'contract', usage: used(n, 0, n) }],
    [{ model: 'mini', usage: used(n + 1, n, 2, 3) }],
    [{ model: 'mini', usage: used(n + 1, 0, 2, 1), waste: 'fallback' }, { model: 'mini-b', usage: used(9, 0, n, 2) }],
    [{ model: 'mini', usage, asked: { service_tier: 'flex' } }],
    [{ model: 'contract', usage, source: 'estimated' }],
    [{ model: 'mini-search-preview', usage }],
    [{ model: 'unknown', usage }],
    [],
    [{ model: 'mini', usage: noUsage, source: 'none', waste: 'failed' }],
    [{ model: 'mini', usage, reported: 12_345_678 }],
    [{ model: 'mini', usage, asked: { server_tools: 'code' } }],
  ];
  return sorts[n % sorts.length] ?? [];
};

const attemptOf = (
  { model, usage, asked = {}, waste = '', source = 'provider', reported }: Try,
  table: PriceTable,
  atMs: number,
): Attempt => {
  const dimensions = dimensionsOf(asked, model, {});
  const price = table.find('openai', { asked: model, answered: model }, atMs);
  return {
    ...someAttempt,
    target: { provider: 'openai', model },
    modelAnswered: model,
    usage,
    dimensions,
    usageSource: source,
    wasteReason: waste,
    charge:
      source === 'none'
        ? noCharge
        : reported === undefined
          ? charge(usage, price, dimensions)
          : reportedCharge(usage, reported),
  };
};

export const teams = ['search', 'shop', 'risk'] as const;

/** The n-th call; calls of one `firstAtMs` are a minute apart. */
export const callBy = (n: number, table: PriceTable, firstAtMs: number): Settlement => {
  const startedAtMs = firstAtMs + n * 60_000;
  const [team = 'search'] = teams.slice(n % teams.length);
  return {
    ...someSettlement,
    call: {
      ...someCall,
      id: `${startedAtMs
        .toString(16)
        .padStart(12, '0')
        .replace(/^(.{8})/, '$1-')}-7000-8000-${String(n).padStart(12, '0')}`,
      startedAtMs,
      caller: someCall.caller === null ? null : { ...someCall.caller, team },
      identity: {
        ...someCall.identity,
        session: `session-${n % 7}`,
        tags: { feature: `f${n % 2}` },
      },
      trace: { ...someCall.trace, traceId: `${n % 5}`.padStart(32, 'a') },
    },
    priceVersion: table.version,
    attempts: triesOf(n).map((one) => attemptOf(one, table, startedAtMs)),
  };
};

const rowsPerSegment = 30;

interface ChainOptions {
  /** What the life before left to be said. */
  readonly before?: string;
  /** Of the number of a row. False: it is numbered and not sent. */
  isSent?(seq: number): boolean;
}

/**
 * Puts these calls in as a gateway would, segment by segment, chained.
 * @returns what is left to be said of this life
 */
export const insertCalls = async (
  engine: FakeClickhouse,
  settlements: readonly Settlement[],
  replica: string,
  { before = '', isSent = () => true }: ChainOptions = {},
): Promise<string> => {
  const sink = clickhouseSink(engine);
  const chain = new Chain(replica, before);
  let left = before;
  for (let from = 0; from < settlements.length; from += rowsPerSegment) {
    const rows = settlements.slice(from, from + rowsPerSegment).flatMap((settlement, i) => {
      const seq = from + i + 1;
      const out = new ByteText();
      let hash = '';
      putRow(out, { settlement, replica, seq, chain: chain.said() }, (lasting) => {
        hash = rowHash(lasting);
      });
      chain.add(seq, hash);
      return isSent(seq) ? [Buffer.from(out.view(0))] : [];
    });
    left = chain.seal() ?? left;
    const inserted = await sink.insert(rows, `${replica}/${from}`);
    if (inserted.kind !== 'done') throw new Error(inserted.message);
  }
  await sink.close();
  return left;
};
