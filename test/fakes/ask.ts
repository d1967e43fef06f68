/** What a query says, exactly: money and 64-bit counts as tests compare them. */
import type { ClickHouseClient } from '@clickhouse/client';

/** The answer's rows, each as its values. */
export const rowsOf = async (
  client: ClickHouseClient,
  query: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<readonly (readonly unknown[])[]> => {
  const reply = await client.query({
    query,
    format: 'JSONCompactEachRow',
    clickhouse_settings: {
      output_format_json_quote_decimals: 1,
      output_format_json_quote_64bit_integers: 0,
      ...settings,
    },
  });
  return reply.json<readonly unknown[]>();
};
