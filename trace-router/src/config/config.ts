import type { Decoded } from '@tollgate/settings/decode.ts';
import type { Voter } from '../model/decision.ts';
import type { Member, Sections } from './schema.ts';

export type MemberConfig = Decoded<typeof Member>;

/** The whole configuration: checked, complete, frozen. The schema says what its sections are. */
export interface RouterConfig extends Decoded<typeof Sections> {
  /** SHA-256 of its text, first 12 hex digits; `built-in` without a file. */
  readonly hash: string;
  /** Where it came from: a path, or `built-in`. */
  readonly source: string;
  readonly members: 'builtin' | readonly MemberConfig[];
  /** Of `sampler.policies`, in their order. */
  readonly voters: readonly Voter[];
}
