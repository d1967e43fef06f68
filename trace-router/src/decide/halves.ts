import type { KeptRows } from '../model/kept-rows.ts';

/** Rows that were refused together, to be tried apart: traces first, then the lines of one. Null: it is one line. */
export const halvesOf = (
  batch: readonly KeptRows[],
): readonly [readonly KeptRows[], readonly KeptRows[]] | null => {
  const middle = batch.length >> 1;
  if (middle > 0) return [batch.slice(0, middle), batch.slice(middle)];
  const [{ rows, spans } = { rows: Buffer.of(), spans: 0 }] = batch;
  const half = spans >> 1;
  if (half === 0) return null;
  let end = 0;
  // JSON text has no newline of its own.
  for (let line = 0; line < half; line += 1) end = rows.indexOf(0x0a, end) + 1;
  return [
    [{ rows: rows.subarray(0, end), spans: half }],
    [{ rows: rows.subarray(end), spans: spans - half }],
  ];
};
