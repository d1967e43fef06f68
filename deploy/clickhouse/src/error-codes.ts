/**
 * What ClickHouse's errors say of an insert: are its rows at fault, this moment, or how the server is set up? Numbers and
 * names are those of https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp (a test asks an
 * engine for them); whose fault each is, is our reading, from where ClickHouse's sources raise it and from what an engine
 * answers to bad rows. `docs/clickhouse-errors.md` is written from this table.
 */

/**
 * - `rows`: the server read the rows and will never take them; a row that no other row is at fault for goes aside.
 * - `moment`: the same insert may succeed later.
 * - `setup`: it will succeed once somebody has changed the server, the table or our rights. Rows are never at fault for
 *   that: a server that was migrated wrongly must not bury every row.
 */
export type Fault = 'rows' | 'moment' | 'setup';

export interface ErrorCode {
  readonly code: number;
  readonly name: string;
  readonly fault: Fault;
  /** Why, where the name does not say it. */
  readonly because?: string;
  /** The rows are at fault, whatever `fault` says, when the message has these words. */
  readonly rowsWhen?: string;
}

const cutBody = 'the body ended before its announced end: it was cut on its way';

// oxfmt-ignore
export const errorCodes: readonly ErrorCode[] = [
  { code: 6, name: 'CANNOT_PARSE_TEXT', fault: 'rows' },
  { code: 25, name: 'CANNOT_PARSE_ESCAPE_SEQUENCE', fault: 'rows', because: 'half a surrogate pair in a text (`"\\ud800"`), which JSON allows' },
  { code: 26, name: 'CANNOT_PARSE_QUOTED_STRING', fault: 'rows' },
  { code: 27, name: 'CANNOT_PARSE_INPUT_ASSERTION_FAILED', fault: 'rows' },
  { code: 38, name: 'CANNOT_PARSE_DATE', fault: 'rows' },
  { code: 41, name: 'CANNOT_PARSE_DATETIME', fault: 'rows' },
  { code: 53, name: 'TYPE_MISMATCH', fault: 'rows', because: 'of a value; a column of another type than ours says so too, and cannot be told apart' },
  { code: 69, name: 'ARGUMENT_OUT_OF_BOUND', fault: 'rows', because: 'a decimal with too many digits' },
  { code: 70, name: 'CANNOT_CONVERT_TYPE', fault: 'rows' },
  { code: 72, name: 'CANNOT_PARSE_NUMBER', fault: 'rows' },
  { code: 117, name: 'INCORRECT_DATA', fault: 'rows' },
  { code: 128, name: 'TOO_LARGE_ARRAY_SIZE', fault: 'rows' },
  { code: 130, name: 'CANNOT_READ_ARRAY_FROM_TEXT', fault: 'rows' },
  { code: 131, name: 'TOO_LARGE_STRING_SIZE', fault: 'rows' },
  { code: 190, name: 'SIZES_OF_ARRAYS_DONT_MATCH', fault: 'rows', because: 'arrays of one `Nested` column differ in length' },
  { code: 321, name: 'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE', fault: 'rows' },
  { code: 349, name: 'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN', fault: 'rows' },
  { code: 376, name: 'CANNOT_PARSE_UUID', fault: 'rows' },
  { code: 407, name: 'DECIMAL_OVERFLOW', fault: 'rows', because: 'also a time beyond what its column holds' },
  { code: 467, name: 'CANNOT_PARSE_BOOL', fault: 'rows' },
  { code: 469, name: 'VIOLATED_CONSTRAINT', fault: 'rows' },
  { code: 675, name: 'CANNOT_PARSE_IPV4', fault: 'rows' },
  { code: 676, name: 'CANNOT_PARSE_IPV6', fault: 'rows' },
  { code: 691, name: 'UNKNOWN_ELEMENT_OF_ENUM', fault: 'rows' },

  { code: 3, name: 'UNEXPECTED_END_OF_FILE', fault: 'moment', because: cutBody },
  { code: 32, name: 'ATTEMPT_TO_READ_AFTER_EOF', fault: 'moment', because: cutBody },
  // https://github.com/ClickHouse/ClickHouse/blob/master/src/IO/LimitReadBuffer.cpp: readers of text formats raise others.
  { code: 33, name: 'CANNOT_READ_ALL_DATA', fault: 'moment', because: cutBody },
  { code: 159, name: 'TIMEOUT_EXCEEDED', fault: 'moment' },
  { code: 201, name: 'QUOTA_EXCEEDED', fault: 'moment' },
  { code: 202, name: 'TOO_MANY_SIMULTANEOUS_QUERIES', fault: 'moment' },
  { code: 203, name: 'NO_FREE_CONNECTION', fault: 'moment' },
  { code: 209, name: 'SOCKET_TIMEOUT', fault: 'moment' },
  { code: 210, name: 'NETWORK_ERROR', fault: 'moment' },
  { code: 225, name: 'NO_ZOOKEEPER', fault: 'moment' },
  { code: 236, name: 'ABORTED', fault: 'moment', because: 'the server is being stopped' },
  { code: 241, name: 'MEMORY_LIMIT_EXCEEDED', fault: 'moment', because: 'of the server or the user, by whatever else runs' },
  { code: 242, name: 'TABLE_IS_READ_ONLY', fault: 'moment', because: 'a replica without its keeper' },
  { code: 243, name: 'NOT_ENOUGH_SPACE', fault: 'moment' },
  { code: 252, name: 'TOO_MANY_PARTS', fault: 'moment', because: 'merges are behind; or these rows lie in too many partitions for one insert, and then halves of them do not', rowsWhen: 'partitions' },
  { code: 285, name: 'TOO_FEW_LIVE_REPLICAS', fault: 'moment' },
  { code: 286, name: 'UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE', fault: 'moment' },
  { code: 319, name: 'UNKNOWN_STATUS_OF_INSERT', fault: 'moment', because: 'the rows may be in' },
  { code: 364, name: 'RECEIVED_ERROR_TOO_MANY_REQUESTS', fault: 'moment' },
  { code: 394, name: 'QUERY_WAS_CANCELLED', fault: 'moment' },
  { code: 439, name: 'CANNOT_SCHEDULE_TASK', fault: 'moment', because: 'also the embedded engine while it starts again' },
  { code: 999, name: 'KEEPER_EXCEPTION', fault: 'moment' },
  { code: 1000, name: 'POCO_EXCEPTION', fault: 'moment' },
  { code: 1001, name: 'STD_EXCEPTION', fault: 'moment' },
  { code: 1002, name: 'UNKNOWN_EXCEPTION', fault: 'moment' },

  { code: 16, name: 'NO_SUCH_COLUMN_IN_TABLE', fault: 'setup', because: 'migrations are missing' },
  { code: 20, name: 'NUMBER_OF_COLUMNS_DOESNT_MATCH', fault: 'setup' },
  { code: 36, name: 'BAD_ARGUMENTS', fault: 'setup' },
  { code: 47, name: 'UNKNOWN_IDENTIFIER', fault: 'setup' },
  { code: 48, name: 'NOT_IMPLEMENTED', fault: 'setup' },
  { code: 60, name: 'UNKNOWN_TABLE', fault: 'setup', because: 'migrations are missing' },
  { code: 62, name: 'SYNTAX_ERROR', fault: 'setup', because: 'this is not the ClickHouse that we know' },
  { code: 73, name: 'UNKNOWN_FORMAT', fault: 'setup' },
  { code: 81, name: 'UNKNOWN_DATABASE', fault: 'setup', because: 'migrations are missing' },
  { code: 115, name: 'UNKNOWN_SETTING', fault: 'setup', because: 'the server is older than the settings of an insert' },
  { code: 164, name: 'READONLY', fault: 'setup' },
  { code: 192, name: 'UNKNOWN_USER', fault: 'setup' },
  { code: 193, name: 'WRONG_PASSWORD', fault: 'setup' },
  { code: 194, name: 'REQUIRED_PASSWORD', fault: 'setup' },
  { code: 195, name: 'IP_ADDRESS_NOT_ALLOWED', fault: 'setup' },
  { code: 291, name: 'DATABASE_ACCESS_DENIED', fault: 'setup' },
  { code: 452, name: 'SETTING_CONSTRAINT_VIOLATION', fault: 'setup' },
  { code: 497, name: 'ACCESS_DENIED', fault: 'setup' },
  { code: 516, name: 'AUTHENTICATION_FAILED', fault: 'setup' },
];

const byCode: ReadonlyMap<number, ErrorCode> = new Map(errorCodes.map((one) => [one.code, one]));

/**
 * Whose fault an error is. One that the table does not have is the moment's: rows are not set aside for a reason that
 * nobody has understood.
 */
export const faultOf = (code: number, message: string): Fault => {
  const known = byCode.get(code);
  if (known === undefined) return 'moment';
  return known.rowsWhen !== undefined && message.includes(known.rowsWhen) ? 'rows' : known.fault;
};
