/** Projections, rollups and views beside the rows: each comes to what the rows come to, to the last digit. */
import type { ClickHouseClient } from '@clickhouse/client';
import { picodollars } from '../../e2e/ledger-reader.ts';
import type { Totals } from './judge.ts';

type Sum = bigint;

/** A place that has sums, its question, and what the rows say the answer is. */
interface Place {
  readonly name: string;
  readonly query: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** In the order of the query's columns; money in pico-dollars. */
  readonly expected: (totals: Totals) => readonly Sum[];
}

const counted = (...counts: readonly number[]): readonly Sum[] => counts.map(BigInt);

const everySum = ({ calls, cost, waste, input, output }: Totals): readonly Sum[] => [
  ...counted(calls),
  cost,
  waste,
  ...counted(input, output),
];
/** Answered by summing a finer answer, so that a projection can give it. */
const fromProjection = (name: string, columns: string, by: string): Omit<Place, 'expected'> => ({
  name: `projection ${name}`,
  query: `SELECT ${columns} FROM tollgate.calls WHERE ${by} > today() - 400 GROUP BY ${by}, caller_team`,
  settings: { force_optimize_projection_name: name },
});

const places: readonly Place[] = [
  {
    name: 'calls',
    query:
      'SELECT count(), sum(cost_usd), sum(waste_usd), sum(input_tokens), sum(output_tokens) FROM tollgate.calls',
    settings: { optimize_use_projections: '0' },
    expected: everySum,
  },
  {
    name: 'calls, one each',
    query:
      'SELECT uniqExact(call_id), uniqExact(trace_id), uniqExact(replica, seq) FROM tollgate.calls',
    expected: ({ calls }) => counted(calls, calls, calls),
  },
  {
    ...fromProjection(
      'by_day',
      'count(), sum(cost_usd), sum(waste_usd), sum(input_tokens), sum(output_tokens)',
      'day',
    ),
    expected: everySum,
  },
  {
    ...fromProjection('by_hour', 'count(), sum(cost_usd), sum(waste_usd)', 'hour'),
    expected: ({ calls, cost, waste }) => [...counted(calls), cost, waste],
  },
  {
    name: 'projection speed_by_hour',
    query:
      'SELECT count() FROM tollgate.calls WHERE hour > today() - 400 GROUP BY hour, entry, provider, model',
    settings: { force_optimize_projection_name: 'speed_by_hour' },
    expected: ({ calls }) => counted(calls),
  },
  {
    name: 'view attempts',
    query:
      'SELECT count(), sum(cost_usd), sum(waste_usd), sum(input_tokens), sum(output_tokens) FROM tollgate.attempts',
    expected: ({ attempts, cost, waste, input, output }) => [
      ...counted(attempts),
      cost,
      waste,
      ...counted(input, output),
    ],
  },
  {
    name: 'view focus',
    query:
      "SELECT sum(BilledCost), sum(EffectiveCost), sumIf(ConsumedQuantity, ConsumedUnit = 'Tokens') FROM tollgate.focus",
    expected: ({ cost, input, output }) => [cost, cost, ...counted(input + output)],
  },
  {
    name: 'rollup usage_1d',
    query:
      'SELECT sum(calls), sum(answered), sum(tries), sum(cost_usd), sum(input_tokens), sum(output_tokens) FROM tollgate.usage_1d',
    expected: ({ calls, answered, attempts, cost, input, output }) => [
      ...counted(calls, answered, attempts),
      cost,
      ...counted(input, output),
    ],
  },
  {
    name: 'rollup runs',
    query:
      'SELECT sum(calls), sum(cost_usd), sum(waste_usd), sum(input_tokens), sum(output_tokens) FROM tollgate.runs',
    expected: everySum,
  },
  {
    name: 'rollup runs, run by run',
    query: `SELECT countIf(a.n != b.n OR a.cost != b.cost) AS different, count() FROM
      (SELECT trace_id, count() AS n, sum(cost_usd) AS cost FROM tollgate.calls GROUP BY trace_id) AS a
      FULL JOIN (SELECT trace_id, sum(calls) AS n, sum(cost_usd) AS cost FROM tollgate.runs GROUP BY trace_id) AS b USING trace_id`,
    expected: ({ calls }) => counted(0, calls),
  },
  {
    name: 'rollup tags_1d',
    query: 'SELECT sum(calls), sum(cost_usd) FROM tollgate.tags_1d',
    expected: ({ taggedCalls, taggedCost }) => [...counted(taggedCalls), taggedCost],
  },
];

/** Columns whose names say that they are money are pico-dollars; all others are whole numbers. */
const isMoney = (column: string): boolean => /cost|waste/i.test(column);

export interface SumFinding {
  readonly name: string;
  readonly found: readonly string[];
  readonly expected: readonly string[];
}

/** The places that come to something else than the rows. */
export const wrongSums = async (
  client: ClickHouseClient,
  totals: Totals,
): Promise<readonly SumFinding[]> => {
  const wrong: SumFinding[] = [];
  for (const { name, query, settings, expected } of places) {
    const answer = await client.query({
      query,
      format: 'JSONCompactEachRowWithNames',
      clickhouse_settings: { output_format_json_quote_decimals: 1, ...settings },
    });
    const [names = [], ...rows] = await answer.json<readonly unknown[]>();
    const found = names.map((column, i) =>
      rows.reduce(
        (sum, row) =>
          sum + (isMoney(String(column)) ? picodollars(String(row[i])) : BigInt(String(row[i]))),
        0n,
      ),
    );
    const should = expected(totals);
    if (found.join() !== should.join())
      wrong.push({ name, found: found.map(String), expected: should.map(String) });
  }
  return wrong;
};

/** How many places are asked. */
export const placesAsked = places.length;
