/** The ledger held against bills: `tollgate.reconciliation` of some days. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import type { BilledLine } from '../../decide/drift.ts';

/** Names are those of the view; money as text. */
export interface Compared extends BilledLine {
  readonly day: string;
  readonly account: string;
  readonly model: string;
  readonly ledger_usd: string;
}

export interface Comparison {
  readonly lines: readonly Compared[];
  /** Providers that calls went to in these days and of which no bill was ever imported. */
  readonly withoutBills: readonly string[];
}

/** @throws what the client does */
export const compareBills = async (
  client: Client,
  days: { readonly from: string; readonly to: string },
): Promise<Comparison> => {
  const ask = async <T>(query: string): Promise<readonly T[]> => {
    const answer = await client.query({
      query,
      query_params: { ...days },
      format: 'JSONEachRow',
      clickhouse_settings: {
        output_format_json_quote_decimals: 1,
        output_format_json_quote_64bit_integers: 0,
      },
    });
    return answer.json<T>();
  };
  const billed = 'SELECT provider FROM tollgate.bill_reports';
  const lines = await ask<Compared>(
    `SELECT day, provider, account, model, ledger_usd, billed_usd, variance_usd, estimated, unpriced, verdict
     FROM tollgate.reconciliation WHERE day >= {from:Date} AND day <= {to:Date} AND provider IN (${billed})
     ORDER BY day, provider, account, model`,
  );
  const others = await ask<{ provider: string }>(
    `SELECT DISTINCT provider FROM tollgate.usage_1d
     WHERE day >= {from:Date} AND day <= {to:Date} AND provider != '' AND provider NOT IN (${billed}) ORDER BY provider`,
  );
  return { lines, withoutBills: others.map(({ provider }) => provider) };
};
