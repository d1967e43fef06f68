/** The ledger, row by row, as the judge reads it. */
import type { ClickHouseClient } from '@clickhouse/client';
import { tokenTypes } from '../../../gateway/src/contract/ledger.ts';
import { outcomes, type OutcomeKind } from '../../../gateway/src/contract/outcomes.ts';
import { picodollars } from '../../e2e/ledger-reader.ts';
import { noTokens, type Row, type RowAttempt, type Tokens } from './evidence.ts';
import { tag } from './plan.ts';

/** As it comes: money as text, an array for each column of attempts. */
interface Line {
  readonly trace_id: string;
  readonly id: string;
  readonly outcome: string;
  readonly http_status: number;
  readonly error_code: string;
  readonly cost_usd: string;
  readonly waste_usd: string;
  readonly tagged: number;
  readonly providers: readonly string[];
  readonly statuses: readonly number[];
  readonly errors: readonly string[];
  readonly sources: readonly string[];
  readonly price_statuses: readonly string[];
  readonly costs: readonly string[];
  readonly wastes: readonly string[];
  /** For each token type, in order, what each attempt has of it. */
  readonly tokens: readonly (readonly number[])[];
}

const query = `SELECT trace_id, toString(call_id) AS id, outcome, http_status, error_code, cost_usd, waste_usd,
  mapContains(tags, '${tag}') AS tagged,
  attempts.provider AS providers, attempts.status AS statuses, attempts.error AS errors,
  arrayMap(x -> toString(x), attempts.usage_source) AS sources, arrayMap(x -> toString(x), attempts.price_status) AS price_statuses,
  attempts.cost_usd AS costs, attempts.waste_reason AS wastes,
  [${tokenTypes.map((type) => `attempts.${type}`).join(', ')}] AS tokens
FROM tollgate.calls`;

const isOutcome = (text: string): text is OutcomeKind => Object.hasOwn(outcomes, text);

const rowOf = (line: Line): Row => {
  const { outcome, providers, statuses, errors, sources, price_statuses, costs, wastes } = line;
  if (!isOutcome(outcome)) throw new Error(`a row has the outcome '${outcome}'`);
  const tokensOf = (attempt: number): Tokens => {
    const tokens = { ...noTokens };
    for (const [i, type] of tokenTypes.entries()) tokens[type] = line.tokens[i]?.[attempt] ?? 0;
    return tokens;
  };
  return {
    trace: line.trace_id,
    callId: line.id,
    outcome,
    status: line.http_status,
    code: line.error_code,
    cost: picodollars(line.cost_usd),
    waste: picodollars(line.waste_usd),
    tagged: line.tagged === 1,
    attempts: providers.map((provider, i): RowAttempt => ({
      provider,
      status: statuses[i] ?? 0,
      error: errors[i] ?? '',
      source: sources[i] ?? '',
      priceStatus: price_statuses[i] ?? '',
      cost: picodollars(costs[i] ?? ''),
      waste: wastes[i] ?? '',
      tokens: tokensOf(i),
    })),
  };
};

/** Hands over every row that the table shows, one that is there twice twice. */
export const readRows = async (
  client: ClickHouseClient,
  take: (row: Row) => void,
): Promise<void> => {
  const answer = await client.query({
    query,
    format: 'JSONEachRow',
    clickhouse_settings: {
      output_format_json_quote_decimals: 1,
      output_format_json_quote_64bit_integers: 0,
    },
  });
  for await (const lines of answer.stream<Line>())
    for (const line of lines) take(rowOf(line.json()));
};
