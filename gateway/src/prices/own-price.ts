import type { Constraint, Sheet } from './sheet.ts';

/** A price of our own, for a model of a provider as the configuration names them; a model's name may end in `*`. */
export interface OwnPrice extends Constraint {
  readonly provider: string;
  readonly model: string;
  /** Where it comes from. */
  readonly source: string;
  /** Not from this day on; absent: for ever. */
  readonly until?: string;
  /** What it names takes the place of the list's lines; all others stay. */
  readonly usd: Sheet;
  /** Of the list's lines that it does not name. Absent: they are as listed. */
  readonly times?: string;
}
