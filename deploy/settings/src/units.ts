/** Texts of a configuration that carry a unit. */

const millisecondsPer = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
// oxfmt-ignore
const bytesPer = {
  B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12,
  KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
} as const;

/** For schemas, editors and messages: the texts below are what these accept. */
export const durationPattern = '^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h)$';
export const sizePattern = '^[0-9]{1,15}(\\.[0-9]{1,3})?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$';

const split = (text: string, pattern: string): readonly [number, string] | null => {
  if (!new RegExp(pattern).test(text)) return null;
  const unit = text.replace(/^[0-9.]+/, '');
  return [Number(text.slice(0, text.length - unit.length)), unit];
};

const isKeyOf = <T extends object>(table: T, key: string): key is string & keyof T =>
  Object.hasOwn(table, key);

/** Whole milliseconds of `500ms`, `1.5s`, `15m` or `1h`; null: the text is none of these. */
export const durationMs = (text: string): number | null => {
  const parts = split(text, durationPattern);
  return parts !== null && isKeyOf(millisecondsPer, parts[1])
    ? Math.round(parts[0] * millisecondsPer[parts[1]])
    : null;
};

/** Whole bytes of `32MiB` (powers of 1024) or `8MB` (powers of 1000); null: the text is neither. */
export const sizeBytes = (text: string): number | null => {
  const parts = split(text, sizePattern);
  return parts !== null && isKeyOf(bytesPer, parts[1])
    ? Math.round(parts[0] * bytesPer[parts[1]])
    : null;
};

/** In the largest unit in which it is a whole number. */
const inLargest = (amount: number, units: Readonly<Record<string, number>>): string => {
  const whole = Object.entries(units).filter(([, size]) => amount > 0 && amount % size === 0);
  const [unit, size] = whole.toSorted(([, a], [, b]) => b - a)[0] ?? ['', 1];
  return `${amount / size}${unit}`;
};

/** How a person would write so many milliseconds: `10s`. */
export const durationText = (ms: number): string => inLargest(ms, millisecondsPer);
/** How a person would write so many bytes: `8MiB`, `8MB`. */
export const sizeText = (bytes: number): string => inLargest(bytes, bytesPer);

/** What the name of a decoded setting ends in: `request: 60s` is `requestMs: 60000`, `body: 32MiB` is `bodyBytes: 33554432`. */
export type Unit = 'Ms' | 'Bytes';

/** What texts of a unit are, and the amounts that a setting may have where it says nothing else. */
export const units = {
  Ms: { read: durationMs, least: '1ms', most: '24h' },
  Bytes: { read: sizeBytes, least: '1KiB', most: '16TiB' },
} as const satisfies Readonly<
  Record<Unit, { read(text: string): number | null; readonly least: string; readonly most: string }>
>;
