export interface TraceMemory {
  readonly maxTraces: number;
  readonly maxBytes: number;
}

/** Must a trace be decided early to stay within memory? The oldest goes first: it has waited longest, so it is the most complete. */
export const overfull = (
  open: { readonly traces: number; readonly bytes: number },
  memory: TraceMemory,
): boolean => open.traces > memory.maxTraces || open.bytes > memory.maxBytes;
