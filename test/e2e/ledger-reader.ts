import { createClient } from '@clickhouse/client';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

/** One row of `tollgate.calls` as the tests compare it. Money is decimal text. */
export interface LedgerLine {
  readonly call_id: string;
  readonly trace_id: string;
  readonly outcome: string;
  readonly http_status: number;
  readonly usage_source: string;
  readonly price_status: string;
  readonly stream_outcome: string;
  readonly cost_usd: string;
  readonly input_tokens: string;
  readonly output_tokens: string;
  readonly attempt_providers: readonly string[];
  readonly attempt_errors: readonly string[];
  readonly attempt_statuses: readonly number[];
  readonly attempt_sources: readonly string[];
}

export interface LedgerReader {
  lines(): Promise<readonly LedgerLine[]>;
  query<T>(sql: string): Promise<readonly T[]>;
  /** Waits until so many rows are there; fails after a generous time. */
  rowsReach(count: number): Promise<void>;
  close(): Promise<void>;
}

const sql = `SELECT toString(call_id) AS call_id, trace_id, outcome, http_status, toString(usage_source) AS usage_source,
  toString(price_status) AS price_status, stream_outcome, cost_usd,
  input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image AS input_tokens,
  output_text + output_reasoning + output_audio + output_image AS output_tokens,
  attempts.provider AS attempt_providers, attempts.error AS attempt_errors, attempts.status AS attempt_statuses,
  arrayMap(x -> toString(x), attempts.usage_source) AS attempt_sources
  FROM tollgate.calls`;

/** Reads the ledger as FinOps would, with the reader's account. */
export const ledgerReader = ({ url, reader }: FakeClickhouse): LedgerReader => {
  const client = createClient({ url, username: reader.user, password: reader.password });
  const query = async <T>(text: string): Promise<readonly T[]> => {
    const result = await client.query({
      query: text,
      format: 'JSONEachRow',
      clickhouse_settings: {
        output_format_json_quote_decimals: 1,
        output_format_json_quote_64bit_integers: 1,
      },
    });
    return result.json<T>();
  };
  return {
    query,
    lines: () => query<LedgerLine>(sql),
    async rowsReach(count) {
      const endMs = Date.now() + 180_000;
      for (;;) {
        const [found] = await query<{ n: string }>('SELECT count() AS n FROM tollgate.calls');
        if (Number(found?.n) >= count) return;
        if (Date.now() > endMs) throw new Error(`only ${found?.n} of ${count} rows arrived`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    close: () => client.close(),
  };
};

/** Decimal dollars as whole pico-dollars. */
export const picodollars = (usd: string): bigint => {
  const [whole = '0', fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000_000n + BigInt(fraction.padEnd(12, '0'));
};
