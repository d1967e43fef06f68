import { randomBytes } from 'node:crypto';

/** How a fake provider's answer to one request ended, as the fake itself saw it. */
export type Ended =
  | 'open'
  | 'complete'
  | 'refused'
  | 'cut'
  | 'stalled'
  | 'hung_up'
  | 'client_gone'
  | 'closed';

/** What a fake provider did for one request: the truth that a ledger is held against. */
export interface Served {
  /** Milliseconds of the wall clock at which the request was whole. */
  readonly at: number;
  readonly path: string;
  readonly headers: {
    readonly authorization: boolean;
    readonly apiKey: boolean;
    readonly traceparent: string | null;
    readonly tracestate: string | null;
    readonly contentType: string | null;
    readonly version: string | null;
    readonly beta: string | null;
    /** The names of all headers, lower case and sorted. */
    readonly names: readonly string[];
  };
  /** The body as it came; `body` is the same, parsed (null: no JSON object). */
  readonly rawBody: string;
  readonly body: Record<string, unknown> | null;
  /** 0: no status was sent. */
  status: number;
  /** The id of the reply; empty when there was none. */
  id: string;
  /** The usage that this reply would be billed by, in the dialect's own form; null: none was promised. */
  usage: Record<string, unknown> | null;
  /** The usage left this process whole. */
  usageSent: boolean;
  bodyBytesSent: number;
  /** All of the reply that was meant to be given left this process, with nothing in it that does not belong there. */
  isWhole: boolean;
  /** What ends the content of a stream (the reason of its end) left this process whole. */
  stopSent: boolean;
  /** An error event in the place of what was still to come left this process whole. */
  errorSent: boolean;
  /** Text whose events left this process whole. */
  textSent: string;
  ended: Ended;
  /** What a strict fake found wrong with the request. */
  refused: string | null;
}

export type Journal = Served[];

/**
 * A path for the base URLs of one gateway, which nobody else knows: the kernel may have given a fake a port that clients
 * of other programs still call.
 */
export const ownPath = (): string => `/${randomBytes(8).toString('hex')}`;

/** The requests of journals, by who sent them. */
export interface Told {
  /** Those under our own path, by the trace that they name. */
  readonly byTrace: ReadonlyMap<string, readonly Served[]>;
  /** Those under our own path that name no trace, which a gateway never sends: each as a line. */
  readonly untraced: readonly string[];
  /** Those of other programs: each as a line. */
  readonly strange: readonly string[];
}

const lineOf = ({ path, headers }: Served): string => `${path}, headers ${headers.names.join(' ')}`;

/** @param own a path of `ownPath`, which the gateway's base URLs have */
export const tellApart = (journals: readonly Journal[], own: string): Told => {
  const byTrace = new Map<string, Served[]>();
  const untraced: string[] = [];
  const strange: string[] = [];
  for (const one of journals.flat()) {
    const traceId = one.headers.traceparent?.split('-')[1];
    if (!one.path.startsWith(`${own}/`)) strange.push(lineOf(one));
    else if (traceId === undefined) untraced.push(lineOf(one));
    else byTrace.set(traceId, [...(byTrace.get(traceId) ?? []), one]);
  }
  return { byTrace, untraced, strange };
};

/** Waits until a condition holds, or fails after a generous time that is no measurement. */
export const eventually = async (
  holds: () => boolean,
  what: string,
  timeoutMs = 120_000,
): Promise<void> => {
  const endMs = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`Never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
