/** Texts of a configuration that carry a unit. Each reader returns null for what it cannot read. */

const millisecondsPer = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
// oxfmt-ignore
const bytesPer = {
  B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12,
  KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
} as const;

/** For schemas, editors and messages: the texts below are what these accept. */
export const durationPattern = '^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h)$';
export const sizePattern = '^[0-9]{1,15}(\\.[0-9]{1,3})?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$';
/** Dollars: whole, or with up to 12 decimals, which is what the ledger's Decimal64(12) holds. */
export const amountPattern = '^[0-9]{1,6}(\\.[0-9]{1,12})?$';

const split = (text: string, pattern: string): readonly [number, string] | null => {
  if (!new RegExp(pattern).test(text)) return null;
  const unit = text.replace(/^[0-9.]+/, '');
  return [Number(text.slice(0, text.length - unit.length)), unit];
};

const isKeyOf = <T extends object>(table: T, key: string): key is string & keyof T =>
  Object.hasOwn(table, key);

/** Whole milliseconds of `500ms`, `1.5s`, `15m` or `1h`. */
export const durationMs = (text: string): number | null => {
  const parts = split(text, durationPattern);
  return parts !== null && isKeyOf(millisecondsPer, parts[1])
    ? Math.round(parts[0] * millisecondsPer[parts[1]])
    : null;
};

/** Whole bytes of `32MiB` (powers of 1024) or `8MB` (powers of 1000). */
export const sizeBytes = (text: string): number | null => {
  const parts = split(text, sizePattern);
  return parts !== null && isKeyOf(bytesPer, parts[1])
    ? Math.round(parts[0] * bytesPer[parts[1]])
    : null;
};

const longestMs = 24 * 3_600_000;

/** Milliseconds of a text that has a duration's shape; complains when it is not between 1 ms and a day, or `mostMs`. */
export const boundedMs = (
  text: string,
  complain: (message: string) => void,
  mostMs = longestMs,
): number => {
  const ms = durationMs(text) ?? 0;
  const limit = mostMs >= 3_600_000 ? `${mostMs / 3_600_000}h` : `${mostMs / 1000}s`;
  if (ms < 1 || ms > mostMs) complain(`must be between 1ms and ${limit}`);
  return ms;
};

/** Bytes of a text that has a size's shape; complains when it is not between 1 KiB and `most`. */
export const boundedBytes = (
  text: string,
  most: number,
  complain: (message: string) => void,
): number => {
  const bytes = sizeBytes(text) ?? 0;
  const limit = most >= 2 ** 40 ? `${most / 2 ** 40}TiB` : `${most / 2 ** 30}GiB`;
  if (bytes < 1024 || bytes > most) complain(`must be between 1KiB and ${limit}`);
  return bytes;
};
