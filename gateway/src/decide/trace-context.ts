/** W3C trace context and baggage, in. https://www.w3.org/TR/trace-context-2/, https://www.w3.org/TR/baggage/ */
import type { TraceContext } from '../model/settlement.ts';

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const zeros = /^0+$/;
/** The specification asks for at least 512 characters to be kept; more is dropped whole, never cut. */
const maxTraceStateChars = 512;

/** Random ids for where the client brought none: 32 and 16 hex digits. */
export interface FreshIds {
  readonly traceId: () => string;
  readonly spanId: () => string;
}

/** The call's place in a trace: the caller's when its `traceparent` is valid, else a trace that begins here. */
export const traceContext = (
  parent: string | undefined,
  state: string | undefined,
  fresh: FreshIds,
): TraceContext => {
  const [, version, traceId, parentId, more] = traceparent.exec(parent ?? '') ?? [];
  const valid =
    version !== undefined &&
    version !== 'ff' &&
    !(version === '00' && more !== undefined) &&
    traceId !== undefined &&
    parentId !== undefined &&
    !zeros.test(traceId) &&
    !zeros.test(parentId);
  if (!valid) {
    return {
      traceId: fresh.traceId(),
      spanId: fresh.spanId(),
      parentSpanId: null,
      traceState: null,
    };
  }
  const kept = state !== undefined && state !== '' && state.length <= maxTraceStateChars;
  return {
    traceId,
    spanId: fresh.spanId(),
    parentSpanId: parentId,
    traceState: kept ? state : null,
  };
};

/** A `traceparent` that names `spanId` as the parent, sampled. */
export const traceparentFor = (traceId: string, spanId: string): string =>
  `00-${traceId}-${spanId}-01`;
