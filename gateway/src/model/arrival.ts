import type { DialectName, Operation } from './call.ts';
import type { TraceContext } from './settlement.ts';

/** A request as it arrives, before anything is decided about it. */
export interface Arrival {
  /** UUIDv7 that carries `startedAtMs`. */
  readonly id: string;
  /** Wall clock of arrival, epoch milliseconds. */
  readonly startedAtMs: number;
  /** Monotonic clock of arrival. */
  readonly startedMs: number;
  readonly operation: Operation;
  readonly dialect: DialectName;
  readonly trace: TraceContext;
}
