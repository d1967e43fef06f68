/** A client of ClickHouse's HTTP interface, set up as every service of ours needs it. */
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';

export interface ClickhouseAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface ClientOptions extends ClickhouseAddress {
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Of tables that are named without one; by default the user's own. */
  readonly database?: string;
}

/** What `clickhouseClient` makes, for whoever is handed one. */
export type Client = ClickHouseClient;

/** Connects on first use. Errors are thrown, and written nowhere. */
export const clickhouseClient = ({
  url,
  user,
  password,
  timeoutMs,
  database,
}: ClientOptions): Client =>
  createClient({
    url,
    username: user,
    password,
    request_timeout: timeoutMs,
    ...(database === undefined ? {} : { database }),
    max_open_connections: 2,
    // Packing a row costs more CPU than all else about sending it; the network to ClickHouse is near.
    compression: { request: false, response: false },
    // Whoever calls knows how often to say the same, and which log to say it in.
    log: { level: ClickHouseLogLevel.OFF },
  });

/** Lets `use` ask, and closes the connections whatever came of it. @throws what `use` does */
export const withClient = async <T>(
  options: ClientOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> => {
  const client = clickhouseClient(options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
};
