/** CPU per unit by thread name between two readings of `threadSeconds`, microseconds. */
export const threadsSince = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  units: number,
): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [
      name,
      Math.round(((seconds - (before[name] ?? 0)) / units) * 1e7) / 10,
    ]),
  );
