/** What a spool is started with. */
import type { Head } from './identity.ts';
import type { Reserve } from './reserve.ts';
import type { Sealed, SegmentLimits } from './rotation.ts';
import type { SpoolTotals } from './totals.ts';

export interface SpoolLimits extends SegmentLimits {
  readonly syncMs: number;
  readonly maxSpoolBytes: number;
  /** Of these, what rows of refused calls may take; past it refusals are counted and not recorded. */
  readonly maxRefusalsBytes: number;
  /** What becomes of calls that there is no room for. */
  readonly whenFull: 'refuse' | 'go_on';
}

export interface SpoolOptions {
  readonly dir: string;
  readonly incarnation: string;
  readonly limits: SpoolLimits;
  /** Numbers of the first segment and row; above those of recovery when it wrote some. */
  readonly firstSegment: number;
  readonly firstSeq: number;
  /** Who writes. */
  readonly identity: Omit<Head, 'firstSeq'>;
  readonly totals: SpoolTotals;
  readonly reserve: Reserve;
  /** Lets go of something on the disk before the reserve has to; false: there is nothing more. */
  shed(): boolean;
  /** Lines about no call that every segment holds. */
  carried(): string;
  /** A segment has ended, with all rows that were numbered until now. */
  onSeal(): void;
  /** Called in the order of the segments' numbers. */
  onSealed(segment: Sealed): void;
  onCommit(seconds: number): void;
  /** All rows that were numbered are in the file. */
  onAllWritten(): void;
  onError(message: string): void;
}
