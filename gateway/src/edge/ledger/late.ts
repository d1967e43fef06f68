/** Rows ship within seconds; what is older waits for ClickHouse. */
const lateMs = 10_000;

/** What a reader of the readiness check should know of rows that have waited too long; null: nothing. */
export const lateRows = (oldestSealedMs: number | null, nowMs: number): string | null => {
  const waitedMs = oldestSealedMs === null ? 0 : nowMs - oldestSealedMs;
  if (waitedMs < lateMs) return null;
  return `ledger rows have waited ${Math.floor(waitedMs / 1000)} s for ClickHouse; they are safe in the spool`;
};
