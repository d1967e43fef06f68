import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn in blocks: one system call serves hundreds of ids. */
const pool = Buffer.alloc(8192);
let used = pool.length;

const randomHex = (bytes: number): string => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
};

/** A W3C trace id: 32 hex digits, not all zero. */
export const traceId = (): string => {
  const id = randomHex(16);
  return /^0+$/.test(id) ? traceId() : id;
};

/** A W3C span id: 16 hex digits, not all zero. */
export const spanId = (): string => {
  const id = randomHex(8);
  return /^0+$/.test(id) ? spanId() : id;
};

/**
 * A UUIDv7 that carries the millisecond given, the rest random: ids sort by time, and ClickHouse reads the time back.
 * https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export const uuid7 = (ms: number): string => {
  const time = ms.toString(16).padStart(12, '0');
  const random = randomHex(10);
  const variant = (8 + (Number.parseInt(random.slice(3, 4), 16) & 3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
};
