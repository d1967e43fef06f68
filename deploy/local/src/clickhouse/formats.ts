import { refusal } from './errors.ts';

/** Formats of the embedded server, both ways; not among them those that read a schema or a template from a file. */
// oxfmt-ignore
const spoken = new Set([
  'Arrow', 'ArrowStream', 'Avro', 'BSONEachRow', 'Buffers', 'CSV', 'CSVWithNames', 'CSVWithNamesAndTypes', 'CustomSeparated', 'CustomSeparatedIgnoreSpaces',
  'CustomSeparatedIgnoreSpacesWithNames', 'CustomSeparatedIgnoreSpacesWithNamesAndTypes', 'CustomSeparatedWithNames', 'CustomSeparatedWithNamesAndTypes',
  'Form', 'GeoJSON', 'Hash', 'JSON', 'JSONAsObject', 'JSONAsString', 'JSONColumns', 'JSONColumnsWithMetadata', 'JSONCompact', 'JSONCompactColumns',
  'JSONCompactEachRow', 'JSONCompactEachRowWithNames', 'JSONCompactEachRowWithNamesAndTypes', 'JSONCompactEachRowWithProgress', 'JSONCompactStrings',
  'JSONCompactStringsEachRow', 'JSONCompactStringsEachRowWithNames', 'JSONCompactStringsEachRowWithNamesAndTypes', 'JSONCompactStringsEachRowWithProgress',
  'JSONEachRow', 'JSONEachRowWithProgress', 'JSONL', 'JSONLines', 'JSONObjectEachRow', 'JSONStrings', 'JSONStringsEachRow',
  'JSONStringsEachRowWithProgress', 'LineAsString', 'LineAsStringWithNames', 'LineAsStringWithNamesAndTypes', 'MD', 'Markdown', 'MsgPack', 'NDJSON', 'Native',
  'Npy', 'Null', 'ORC', 'Parquet', 'Pretty', 'PrettyCompact', 'PrettyCompactMonoBlock', 'PrettyCompactNoEscapes', 'PrettyCompactNoEscapesMonoBlock',
  'PrettyJSONEachRow', 'PrettyJSONLines', 'PrettyMonoBlock', 'PrettyNDJSON', 'PrettyNoEscapes', 'PrettyNoEscapesMonoBlock', 'PrettySpace',
  'PrettySpaceMonoBlock', 'PrettySpaceNoEscapes', 'PrettySpaceNoEscapesMonoBlock', 'Prometheus', 'Raw', 'RawBLOB', 'RawWithNames', 'RawWithNamesAndTypes',
  'RowBinary', 'RowBinaryWithDefaults', 'RowBinaryWithNames', 'RowBinaryWithNamesAndTypes', 'RowBinaryWithNamesAndTypesAndDefaults', 'SQLInsert', 'TSKV',
  'TSV', 'TSVRaw', 'TSVRawWithNames', 'TSVRawWithNamesAndTypes', 'TSVWithNames', 'TSVWithNamesAndTypes', 'TabSeparated', 'TabSeparatedRaw',
  'TabSeparatedRawWithNames', 'TabSeparatedRawWithNamesAndTypes', 'TabSeparatedWithNames', 'TabSeparatedWithNamesAndTypes', 'Values', 'Vertical', 'XML',
]);

/** @throws Refusal for a format that is not spoken. */
export const knownFormat = (name: string): string => {
  if (spoken.has(name)) return name;
  throw refusal('UNKNOWN_FORMAT', `Unknown format ${name}.`);
};

/** What a result's format means to HTTP. https://clickhouse.com/docs/interfaces/formats */
// oxfmt-ignore
const types: readonly (readonly [RegExp, string])[] = [
  [/^(?:JSON|JSONStrings|JSONCompact|JSONCompactStrings|JSONColumns\w*|JSONCompactColumns|JSONObjectEachRow|GeoJSON)$/, 'application/json; charset=UTF-8'],
  [/^(?:JSON\w*EachRow\w*|NDJSON|JSONLines|PrettyJSONEachRow|JSONLineAsString)$/, 'application/x-ndjson; charset=UTF-8'],
  [/^(?:TSV|TabSeparated)/, 'text/tab-separated-values; charset=UTF-8'],
  [/^CSVWithNames/, 'text/csv; charset=UTF-8; header=present'],
  [/^CSV/, 'text/csv; charset=UTF-8; header=absent'],
  [/^XML$/, 'application/xml; charset=UTF-8'],
  [/^(?:Native|RowBinary\w*|Arrow\w*|Parquet|ORC|Avro|BSONEachRow|MsgPack|Npy|RawBLOB|Protobuf\w*|CapnProto)$/, 'application/octet-stream'],
];

export const contentType = (format: string): string =>
  types.find(([pattern]) => pattern.test(format))?.[1] ?? 'text/plain; charset=UTF-8';

const oneLinePerRow =
  /^(?:JSON(?:Strings|Compact|CompactStrings)?EachRow|NDJSON|JSONLines|TSV|TabSeparated|TSVRaw|TabSeparatedRaw)$/;
const rowsAtEnd = /^(?:JSON|JSONStrings|JSONCompact|JSONCompactStrings)$/;

/** Rows in a result, where the format puts each on a line of its own or says their number; null where only the engine knows. */
export const countRows = (format: string, bytes: Uint8Array): number | null => {
  if (rowsAtEnd.test(format)) {
    const end = Buffer.from(bytes).toString('latin1', Math.max(0, bytes.length - 1024));
    const [, rows] = /\n\t"rows": (\d+),\n/.exec(end) ?? [];
    return rows === undefined ? null : Number(rows);
  }
  if (!oneLinePerRow.test(format)) return null;
  let rows = 0;
  for (const byte of bytes) if (byte === 10) rows += 1;
  return rows;
};
