/** Which settings a request may bring, and between which bounds. A value is data: it is quoted, never read as SQL. */
import { refusal } from './errors.ts';
import type { Limits } from './limits.ts';

type Settings = ReadonlyMap<string, string>;

/**
 * Refused whoever asks, in the address and in the SQL: they change how SQL is read, carry SQL or other users' rights themselves, or
 * name files that the engine reads or writes.
 */
// oxfmt-ignore
const reachingFurther: readonly RegExp[] = [
  /dialect/, /^implicit_/, /^allow_settings_after_format/, /^additional_/, /custom_key/, /^profile$/, /^default_view_definer$/, /^function_implementation$/,
  /^format_(?:schema|template|avro_schema)/, /^output_format_schema$/, /_file_path$/, /^rename_files/, /^url_base$/, /^promql_/, /^http_response_headers$/,
  /^max_(?:parser|query_size)/, /introspection/, /ddl_parser/,
];

/** @throws Refusal for a setting that nobody may bring. */
export const refuseSetting = (name: string): void => {
  if (reachingFurther.some((pattern) => pattern.test(name))) {
    throw refusal('READONLY', `The setting ${name} cannot be changed here`);
  }
};

type Bound = readonly [min: number, max: number];

/** The numbers a reader may choose, from the least to the most. Where 0 means "no limit" the least is above it. */
const bounds = (limits: Limits): ReadonlyMap<string, Bound> =>
  new Map<string, Bound>([
    ['max_execution_time', [0.001, limits.readSeconds]],
    ['max_memory_usage', [1, limits.queryMemoryBytes]],
    ['max_result_bytes', [1, limits.resultBytes]],
    ['max_result_rows', [1, 2 ** 53]],
    ['max_rows_to_read', [1, 2 ** 53]],
    ['max_bytes_to_read', [1, 2 ** 53]],
    ['max_threads', [1, 64]],
    ['max_block_size', [1, 1_048_576]],
    ['http_zlib_compression_level', [1, 9]],
  ]);

/** Settings whose values are words or switches, which limit nothing and name nothing outside the query. */
// oxfmt-ignore
const free = new Set([
  'enable_http_compression', 'cancel_http_readonly_queries_on_client_close', 'session_timezone', 'join_use_nulls', 'prefer_column_name_to_alias',
  'result_overflow_mode', 'read_overflow_mode', 'date_time_input_format', 'date_time_output_format', 'output_format_write_statistics',
  'output_format_json_quote_64bit_integers', 'output_format_json_quote_64bit_floats', 'output_format_json_quote_decimals',
  'output_format_json_quote_denormals', 'output_format_json_named_tuples_as_objects', 'output_format_json_array_of_rows',
  'output_format_native_write_json_as_string', 'output_format_native_use_flattened_dynamic_and_json_serialization',
  'output_format_csv_crlf_end_of_line', 'format_csv_delimiter', 'output_format_pretty_row_numbers', 'output_format_arrow_string_as_string',
  'output_format_parquet_string_as_string', 'allow_experimental_analyzer', 'final',
]);

/** Accepted from a reader and not taken: ours hold. So does our time where a client's own is longer (clickhouse-go sends its deadline and 5 s). A client that sends them need not be refused. */
const ours = new Set(['readonly', 'log_comment']);

const plainValue = /^[\w/+:. ,;-]{0,64}$/;

/**
 * The settings of a reader's request.
 * @throws Refusal for a setting that readers may not change, and for a value beyond its bounds.
 */
export const readerSettings = (asked: Settings, limits: Limits): Settings => {
  const numbers = bounds(limits);
  const taken = new Map<string, string>([
    ['max_execution_time', String(limits.readSeconds)],
    // What a sort or a GROUP BY writes to disk when it does not fit into memory.
    ['max_temporary_data_on_disk_size_for_query', String(limits.queryTemporaryBytes)],
  ]);
  for (const [name, value] of asked) {
    const bound = numbers.get(name);
    if (name === 'readonly' && value !== '1' && value !== '2') {
      throw refusal('READONLY', "Cannot modify 'readonly' setting in readonly mode.");
    }
    if (ours.has(name)) continue;
    if (bound !== undefined) {
      const [min, max] = bound;
      const number = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
      if (name === 'max_execution_time' && number > max) continue;
      if (!(number >= min && number <= max)) {
        throw refusal(
          'SETTING_CONSTRAINT_VIOLATION',
          `Setting ${name} must lie between ${min} and ${max} for readers`,
        );
      }
    } else if (!free.has(name)) {
      throw refusal('READONLY', `Cannot modify '${name}' setting in readonly mode.`);
    } else if (!plainValue.test(value)) {
      throw refusal('BAD_ARGUMENTS', `The value of setting ${name} is not allowed`);
    }
    taken.set(name, value);
  }
  return taken;
};
