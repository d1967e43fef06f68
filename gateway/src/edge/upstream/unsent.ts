import { attemptRecord } from '../../decide/attempt-record.ts';
import { observeReply } from '../../decide/observation.ts';
import type { Opened } from '../../flow/effects.ts';
import type { Fault } from '../../model/fault.ts';
import type { AttemptOptions } from './attempt-options.ts';

/** The account of an attempt that was never made. */
export const unsent = (options: AttemptOptions, fault: Fault): Opened => {
  const nowMs = performance.now();
  const start = { ...options, startedMs: nowMs };
  options.onOver();
  const attempt = attemptRecord(start, observeReply(options.name), {
    status: 0,
    endedMs: nowMs,
    fault,
  });
  return { kind: 'failed', fault, attempt };
};
