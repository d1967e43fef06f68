/** Every limit of the embedded server: its name in the environment, and its default. */
// oxfmt-ignore
const limitTable = {
  /** Bytes of one request body after decompression. An insert is spilled to disk, so this bounds disk, not memory. */
  bodyBytes: { env: 'TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES', value: 1024 ** 3 },
  /** Bytes of SQL text, without the data of an insert. ClickHouse's own `max_query_size` has the same default. */
  queryBytes: { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERY_BYTES', value: 262_144 },
  /** Bytes of one result, written to disk before it is sent. */
  resultBytes: { env: 'TOLLGATE_CLICKHOUSE_MAX_RESULT_BYTES', value: 4 * 1024 ** 3 },
  /** Queries running at once; further ones are refused with code 202. */
  queries: { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERIES', value: 32 },
  /** Sessions (`session_id`) kept at once. */
  sessions: { env: 'TOLLGATE_CLICKHOUSE_MAX_SESSIONS', value: 32 },
  /** Settings and query parameters in one request. */
  parameters: { env: 'TOLLGATE_CLICKHOUSE_MAX_PARAMETERS', value: 512 },
  /** Memory of one query inside the engine, unless the request sets `max_memory_usage`. */
  queryMemoryBytes: { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERY_MEMORY_BYTES', value: 4 * 1024 ** 3 },
  /** Seconds that a reader's query may run. */
  readSeconds: { env: 'TOLLGATE_CLICKHOUSE_MAX_READ_SECONDS', value: 60 },
  /** How long SIGTERM waits for running queries. */
  drainMs: { env: 'TOLLGATE_CLICKHOUSE_DRAIN_MS', value: 30_000 },
} as const;

export type LimitName = keyof typeof limitTable;
export type Limits = Readonly<Record<LimitName, number>>;

/**
 * The limits in force: defaults, overridden by the environment.
 * @throws RangeError naming the variable that is not a positive whole number.
 */
export const readLimits = (env: Readonly<Record<string, string | undefined>>): Limits => {
  const read = (name: LimitName) => {
    const { env: variable, value } = limitTable[name];
    const text = env[variable];
    if (text === undefined || text === '') return value;
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number <= 0) {
      throw new RangeError(`${variable} is '${text}'; a positive whole number is needed`);
    }
    return number;
  };
  return {
    bodyBytes: read('bodyBytes'),
    queryBytes: read('queryBytes'),
    resultBytes: read('resultBytes'),
    queries: read('queries'),
    sessions: read('sessions'),
    parameters: read('parameters'),
    queryMemoryBytes: read('queryMemoryBytes'),
    readSeconds: read('readSeconds'),
    drainMs: read('drainMs'),
  };
};
