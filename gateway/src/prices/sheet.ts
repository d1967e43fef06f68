/** Prices as sources publish them: decimal text, so that no float comes between a source and a cost. */
import type { TokenType } from '../contract/ledger.ts';

/** What is sold by the piece, under the names of the ledger's `units`. */
export const pricedUnits = ['web_searches'] as const;
export type PricedUnit = (typeof pricedUnits)[number];

/** One price: dollars per million tokens, or per thousand units. */
export interface Line {
  readonly usd: string;
  /** Of calls whose input has more tokens than this; ascending. The whole call moves there. */
  readonly above?: readonly { readonly tokens: number; readonly usd: string }[];
}

export type Sheet = Readonly<Partial<Record<TokenType | PricedUnit, Line>>>;

/** Which model names an entry is for. Names are in lower case, but for a regex. */
export type NameMatch =
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string }
  | { readonly or: readonly NameMatch[] }
  | { readonly and: readonly NameMatch[] };

/** When a price holds: from a day on, or at a time of each day; times are UTC. Neither: always. */
export interface Constraint {
  readonly from?: string;
  readonly daily?: { readonly start: string; readonly end: string };
}

/** A price over a span of time. Of several the last that holds counts. */
export interface Period extends Constraint {
  readonly usd: Sheet;
}

/** What differs when a call names another value than the standard one of something that has a price. */
export interface Variant extends Constraint {
  /** The dimension and its value, such as `service_tier` and `flex`. */
  readonly dimension: string;
  readonly value: string;
  /** Lines that take the place of the standard ones; those that it does not name stay. */
  readonly usd?: Sheet;
  /** Every line is multiplied by this. */
  readonly times?: string;
}

/** One model in a list of prices. */
export interface Model {
  readonly id: string;
  readonly match: NameMatch;
  readonly prices: readonly Period[];
  readonly variants?: readonly Variant[];
  /** Whose list it is from. */
  readonly source: string;
}

/** The list of one vendor. */
export interface Vendor {
  /** Vendors whose models it serves at their price. */
  readonly fallback: readonly string[];
  /** The first whose name fits counts; those that name a model in full stand first. */
  readonly models: readonly Model[];
}
