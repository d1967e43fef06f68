/** Every limit of the embedded server: its name in the environment, and its default. */
import os from 'node:os';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
/** What this machine, or the container around this process, has; the engine may have half of it. */
const machineBytes = Math.min(os.totalmem(), process.constrainedMemory() || os.totalmem());
const memoryBytes = Math.round(machineBytes / 2);

export interface Limit {
  /** Its variable. */
  readonly env: string;
  readonly value: number;
  /** The default in words, where it is another on every machine. */
  readonly by?: string;
  readonly about: string;
}

// oxfmt-ignore
export const limitTable = {
  bodyBytes:           { env: 'TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES',              value: GiB, about: 'Bytes of one request body after decompression. An insert is spilled to disk, so this bounds disk, not memory' },
  transferMs:          { env: 'TOLLGATE_CLICKHOUSE_MAX_TRANSFER_MS',             value: 600_000, about: 'How long a body may take to arrive, and a result to be fetched' },
  bytesPerSecond:      { env: 'TOLLGATE_CLICKHOUSE_MIN_BYTES_PER_SECOND',        value: 16_384, about: 'The slowest that a body may arrive and a result be fetched' },
  stallMs:             { env: 'TOLLGATE_CLICKHOUSE_MAX_STALL_MS',                value: 10_000, about: 'So far behind the slowest rate, a body or result is ended' },
  connections:         { env: 'TOLLGATE_CLICKHOUSE_MAX_CONNECTIONS',             value: 512, about: 'Connections open at once; further ones are closed' },
  queryBytes:          { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERY_BYTES',             value: 262_144, about: "Bytes of SQL text, without the data of an insert. ClickHouse's own `max_query_size` has the same default" },
  queries:             { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERIES',                 value: 32, about: 'Queries of readers running at once' },
  writerQueries:       { env: 'TOLLGATE_CLICKHOUSE_MAX_WRITER_QUERIES',          value: 16, about: 'Statements of the writer running at once' },
  slotWaitMs:          { env: 'TOLLGATE_CLICKHOUSE_MAX_SLOT_WAIT_MS',            value: 10_000, about: 'How long a statement waits for its turn before it is refused with code 202' },
  sessions:            { env: 'TOLLGATE_CLICKHOUSE_MAX_SESSIONS',                value: 32, about: 'Sessions (`session_id`) kept at once' },
  parameters:          { env: 'TOLLGATE_CLICKHOUSE_MAX_PARAMETERS',              value: 512, about: 'Settings and query parameters in one request' },
  readSeconds:         { env: 'TOLLGATE_CLICKHOUSE_MAX_READ_SECONDS',            value: 60, about: "Seconds that a reader's query may run" },

  memoryBytes:         { env: 'TOLLGATE_CLICKHOUSE_MAX_MEMORY_BYTES',            value: memoryBytes, by: "half of the machine's or the container's memory", about: 'Memory inside the engine of all queries' },
  readersMemoryBytes:  { env: 'TOLLGATE_CLICKHOUSE_MAX_READERS_MEMORY_BYTES',    value: Math.round(memoryBytes / 2), by: 'half of that', about: 'Memory of all queries of readers' },
  queryMemoryBytes:    { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERY_MEMORY_BYTES',      value: Math.min(4 * GiB, Math.round(memoryBytes / 12)), by: 'a twelfth of it, at most 4 GiB', about: "Memory of one reader's query" },
  writerMemoryBytes:   { env: 'TOLLGATE_CLICKHOUSE_MAX_WRITER_MEMORY_BYTES',     value: Math.min(4 * GiB, Math.round(memoryBytes / 2)), by: 'half of it, at most 4 GiB', about: 'Memory of one statement of the writer' },
  keptBytes:           { env: 'TOLLGATE_CLICKHOUSE_MAX_KEPT_MEMORY_BYTES',       value: 768 * MiB, about: "The engine's process is replaced when it holds so much more than at its start with nothing to do" },
  processBytes:        { env: 'TOLLGATE_CLICKHOUSE_MAX_PROCESS_MEMORY_BYTES',    value: memoryBytes, by: "half of the machine's or the container's memory", about: 'It is replaced when it holds so much, whatever it does' },
  strayMs:             { env: 'TOLLGATE_CLICKHOUSE_MAX_STRAY_MS',                value: 15_000, about: 'It is replaced when a query that nobody waits for cannot be cancelled for so long' },
  failures:            { env: 'TOLLGATE_CLICKHOUSE_MAX_FAILURES',                value: 2000, about: 'It is replaced after so many failed and cancelled queries' },
  waitMs:              { env: 'TOLLGATE_CLICKHOUSE_MAX_ENGINE_WAIT_MS',          value: 30_000, about: 'How long a request waits for an engine that is being started' },
  silentMs:            { env: 'TOLLGATE_CLICKHOUSE_MAX_SILENT_MS',               value: 60_000, about: "How long the engine's process may say nothing before it is killed and started again" },
  heldMs:              { env: 'TOLLGATE_CLICKHOUSE_MAX_HELD_MS',                 value: 75_000, about: 'How long a start waits for the engine of an earlier one to end' },

  resultBytes:         { env: 'TOLLGATE_CLICKHOUSE_MAX_RESULT_BYTES',            value: 2 * GiB, about: 'Bytes on disk of one result, which is written before it is sent' },
  userDiskBytes:       { env: 'TOLLGATE_CLICKHOUSE_MAX_USER_DISK_BYTES',         value: 4 * GiB, about: "Bytes on disk of one user's results" },
  diskBytes:           { env: 'TOLLGATE_CLICKHOUSE_MAX_DISK_BYTES',              value: 6 * GiB, about: 'Bytes on disk of all results' },
  temporaryBytes:      { env: 'TOLLGATE_CLICKHOUSE_MAX_TEMPORARY_BYTES',         value: 4 * GiB, about: 'Bytes on disk for sorting and joining what does not fit into memory, of all queries' },
  queryTemporaryBytes: { env: 'TOLLGATE_CLICKHOUSE_MAX_QUERY_TEMPORARY_BYTES',   value: 2 * GiB, about: 'The same, of one query' },
  freeBytes:           { env: 'TOLLGATE_CLICKHOUSE_MIN_FREE_BYTES',              value: GiB, about: 'Kept free for inserts: below it, results are ended. On small file systems a tenth of them' },
  drainMs:             { env: 'TOLLGATE_CLICKHOUSE_DRAIN_MS',                    value: 30_000, about: 'How long SIGTERM waits for running queries' },
} as const satisfies Readonly<Record<string, Limit>>;

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
    transferMs: read('transferMs'),
    bytesPerSecond: read('bytesPerSecond'),
    stallMs: read('stallMs'),
    connections: read('connections'),
    queryBytes: read('queryBytes'),
    queries: read('queries'),
    writerQueries: read('writerQueries'),
    slotWaitMs: read('slotWaitMs'),
    sessions: read('sessions'),
    parameters: read('parameters'),
    readSeconds: read('readSeconds'),
    memoryBytes: read('memoryBytes'),
    readersMemoryBytes: read('readersMemoryBytes'),
    queryMemoryBytes: read('queryMemoryBytes'),
    writerMemoryBytes: read('writerMemoryBytes'),
    keptBytes: read('keptBytes'),
    processBytes: read('processBytes'),
    strayMs: read('strayMs'),
    failures: read('failures'),
    waitMs: read('waitMs'),
    silentMs: read('silentMs'),
    heldMs: read('heldMs'),
    resultBytes: read('resultBytes'),
    userDiskBytes: read('userDiskBytes'),
    diskBytes: read('diskBytes'),
    temporaryBytes: read('temporaryBytes'),
    queryTemporaryBytes: read('queryTemporaryBytes'),
    freeBytes: read('freeBytes'),
    drainMs: read('drainMs'),
  };
};
