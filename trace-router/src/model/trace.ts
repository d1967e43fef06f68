/** The spans of one trace that came in one request: a complete OTLP request by themselves, so fragments concatenate. */
export interface Fragment {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  readonly bytes: Buffer;
  readonly spans: number;
  /** One of the spans has no parent. */
  readonly hasRoot: boolean;
}

export type StatusCode = 'UNSET' | 'OK' | 'ERROR';
/** The kinds of attribute value a policy can ask about. */
export type Scalar = string | number | bigint | boolean;

/** What policies may know of a trace. Built by reading only what they asked for. */
export interface TraceFacts {
  readonly traceId: string;
  readonly spans: number;
  readonly sizeBytes: number;
  /** From the earliest start to the latest end. */
  readonly durationMs: number;
  readonly statuses: ReadonlySet<StatusCode>;
  /** Values of the attribute keys that policies asked for, of spans and resources, each distinct value once. */
  readonly attributes: ReadonlyMap<string, ReadonlySet<Scalar>>;
}

/** Reads the facts of a trace from the bytes of its fragments. */
export type FactReader = (trace: {
  readonly traceId: string;
  readonly spans: number;
  readonly fragments: readonly Buffer[];
}) => TraceFacts;
