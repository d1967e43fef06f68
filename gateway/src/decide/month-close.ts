/** What is signed of a month of the ledger, as text; read back; and held against the rows that are there now. */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { HourSum, MonthSums } from './month-sums.ts';

const closed = { additionalProperties: false } as const;
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const usd = Type.String({ pattern: '^-?[0-9]{1,26}(\\.[0-9]{1,12})?$' });
const count = Type.Integer({ minimum: 0 });
const Month = Type.String({ pattern: '^\\d{4}-(0[1-9]|1[0-2])$' });

const MonthClose = Type.Object(
  {
    format: Type.Literal(1),
    month: Month,
    closedAt: Type.String(),
    /** The month that was closed before this one; null: none was. */
    before: Type.Union([Type.Null(), Type.Object({ month: Month, sha256 }, closed)]),
    /** The close of the same month that this one takes the place of, because rows came late; null: it is the first. */
    amends: Type.Union([Type.Null(), sha256]),
    calls: count,
    corrections: count,
    costUsd: usd,
    discountUsd: usd,
    wasteUsd: usd,
    priceVersions: Type.Array(
      Type.Object({ version: Type.String(), rows: count, costUsd: usd }, closed),
    ),
    /** What the providers' bills say of the month, by verdict. */
    bills: Type.Array(
      Type.Object(
        {
          provider: Type.String(),
          verdict: Type.String(),
          lines: count,
          ledgerUsd: usd,
          billedUsd: usd,
        },
        closed,
      ),
    ),
    /** Of each life of a gateway with rows in the month: the last segment that later rows vouch for. */
    heads: Type.Array(Type.String()),
    /** Lives of gateways that wrote in the month and nothing since: a spool of theirs may hold more. */
    silent: Type.Array(Type.String()),
    /** What `ledger verify` found and whoever closed the month accepted. */
    accepted: Type.Array(Type.String()),
    files: Type.Array(Type.Object({ name: Type.String(), bytes: count, sha256 }, closed)),
    /** Names of the values of a row in `rows.jsonl.gz`; a call has only the first of them. */
    columns: Type.Array(Type.String()),
    hours: Type.Array(
      Type.Object({ hour: Type.Integer(), rows: count, costUsd: usd, sha256 }, closed),
    ),
  },
  closed,
);
export type MonthClose = Static<typeof MonthClose>;
const checked = Compile(MonthClose);

/** A year of hours of ten million calls has a tenth of it. */
export const largestCloseBytes = 16 * 2 ** 20;

/** One key a line, and one hour a line, so that two of them can be compared by eye. Ends as `prices/signed.ts` wants it. */
export const closeText = (close: MonthClose): string => {
  const { hours, ...facts } = close;
  const lines = Object.entries(facts).map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)},\n`,
  );
  const each = hours.map((hour) => JSON.stringify(hour)).join(',\n');
  return `{\n${lines.join('')}"hours": [\n${each}\n]\n}\n`;
};

/** Reads what was signed. */
export const readClose = (
  text: string,
): { readonly kind: 'close'; readonly close: MonthClose } | { readonly kind: 'bad' } => {
  try {
    const value: unknown = JSON.parse(text);
    return checked.Check(value) ? { kind: 'close', close: value } : { kind: 'bad' };
  } catch {
    return { kind: 'bad' };
  }
};

/** An hour in which the rows are not those that were signed. */
export interface HourDifference {
  /**
   * `added`: there are more; they came late, or twice. `gone`: there are fewer. `altered`: there are as many, and at least one is
   * another.
   */
  readonly kind: 'added' | 'gone' | 'altered';
  /** When it begins, epoch seconds. */
  readonly hour: number;
  readonly signed: Pick<HourSum, 'rows' | 'costUsd'>;
  readonly found: Pick<HourSum, 'rows' | 'costUsd'>;
}

const none = { rows: 0, costUsd: '0' } as const;

const kindOf = (signed: number, found: number): HourDifference['kind'] =>
  found > signed ? 'added' : found < signed ? 'gone' : 'altered';

/** Where rows differ from what was signed, hour by hour. */
export const hourDifferences = (
  signed: readonly HourSum[],
  found: readonly HourSum[],
): readonly HourDifference[] => {
  const byHour = new Map(found.map((one) => [one.hour, one]));
  const known = new Set(signed.map(({ hour }) => hour));
  const pairs = [
    ...signed.map((one) => [one.hour, one, byHour.get(one.hour)] as const),
    ...found.filter(({ hour }) => !known.has(hour)).map((one) => [one.hour, null, one] as const),
  ];
  return pairs
    .filter(([, was, is]) => was?.sha256 !== is?.sha256)
    .toSorted(([a], [b]) => a - b)
    .map(([hour, was, is]) => {
      const [a, b] = [was ?? none, is ?? none];
      return {
        kind: kindOf(a.rows, b.rows),
        hour,
        signed: { rows: a.rows, costUsd: a.costUsd },
        found: { rows: b.rows, costUsd: b.costUsd },
      };
    });
};

const summed = ['calls', 'corrections', 'costUsd', 'discountUsd', 'wasteUsd'] as const;

/** Names of the sums that are not what was signed; where rows are the same, a close that contradicts itself. */
export const sumDifferences = (close: MonthClose, found: MonthSums): readonly string[] => [
  ...summed.filter((name) => close[name] !== found[name]),
  ...(JSON.stringify(close.priceVersions) === JSON.stringify(found.priceVersions)
    ? []
    : ['priceVersions']),
];

/** The first day of a month, `2026-10` -> `2026-10-01`. */
export const firstDayOf = (month: string): string => `${month}-01`;

/** The month after, `2026-12` -> `2027-01`. */
export const monthAfter = (month: string): string => {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12
    ? `${year + 1}-01`
    : `${String(year).padStart(4, '0')}-${String(number + 1).padStart(2, '0')}`;
};

/**
 * The month that a correction of a call is booked in: that of the call, or when it is closed the first one that is open.
 * @param closedTo the last month that is closed, `2026-10`; empty: none is
 */
export const bookingMonth = (ofCall: string, closedTo: string): string =>
  ofCall > closedTo ? ofCall : monthAfter(closedTo);
