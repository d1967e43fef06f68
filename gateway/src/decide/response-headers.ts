/** The head of a reply: what it says of itself, and what the gateway says of the call. */
import { passingHeaders, requestIds } from './reply-headers.ts';
import type { Told } from './told.ts';
import type { Arrival } from '../model/arrival.ts';
import type { Target } from '../model/call.ts';
import type { CacheStatus } from '../contract/ledger.ts';
import type { ReceivedHeaders } from '../model/headers.ts';
import { usdText, type Picodollars } from '../model/money.ts';
import type { ReceivedHead, ReplyHead } from '../model/reply.ts';
import { headerText } from './header-text.ts';

/** Headers every reply carries; a provider's own id of the request goes before ours. */
export const ownHeaders = ({
  id,
  trace,
}: Pick<Arrival, 'id' | 'trace'>): Record<string, string> => ({
  'x-tollgate-call-id': id,
  'x-tollgate-trace-id': trace.traceId,
  ...requestIds(id),
});

/** Same dialect: the provider's own content type where it is right. Otherwise that of what we send. */
const contentTypeFor = (passes: boolean, { contentType, isStream }: ReceivedHead): string => {
  const isRight = /^\s*text\/event-stream/i.test(contentType) === isStream && contentType !== '';
  if (passes && isRight) return headerText(contentType);
  return isStream ? 'text/event-stream; charset=utf-8' : 'application/json';
};

/** Headers in which clients ask for beta features. */
const betaHeaders = ['anthropic-beta', 'openai-beta'] as const;

/** What of a request did not go on to its provider because it means nothing there, as a header; none where all went on. */
export const droppedHeader = (
  headers: ReceivedHeaders,
  forwarded: readonly string[],
  fields: readonly string[],
): Record<string, string> => {
  const betas = betaHeaders.filter(
    (name) => headers[name] !== undefined && !forwarded.includes(name),
  );
  const dropped = [...betas, ...fields].join(', ');
  return dropped === '' ? {} : { 'x-tollgate-dropped': dropped };
};

/** What a provider's reply says of itself, for the client of a call. */
export const attemptHeaders = (
  received: ReceivedHead,
  {
    passes,
    target,
    forwarded,
    told,
    headers,
    dropped,
  }: {
    /** The provider speaks the client's words. */
    readonly passes: boolean;
    readonly target: Target;
    /** Headers of a client that go on to this provider. */
    readonly forwarded: readonly string[];
    readonly told: Told;
    /** Of the client's request. */
    readonly headers: ReceivedHeaders;
    /** Fields of it that were left out. */
    readonly dropped: readonly string[];
  },
): Record<string, string> => ({
  ...passingHeaders(received.headers, told),
  'content-type': told.clean(contentTypeFor(passes, received)),
  'x-tollgate-provider': target.provider,
  'x-tollgate-model': headerText(target.model),
  ...droppedHeader(headers, forwarded, dropped),
});

/** What is known of a call when its reply leaves. */
export interface CallSoFar {
  /** The client asked for a stream. */
  readonly stream: boolean;
  readonly tries: number;
  readonly cache: CacheStatus;
  /** Spent until now at providers, and waiting before further tries. */
  elsewhereMs(): number;
}

/** What is known of a whole reply when its first byte leaves. */
export interface WholeReply {
  readonly lengthBytes: number;
  readonly cost: Picodollars;
  /** No kill of this process changes the cost any more. */
  readonly isDurable: boolean;
}

/** The headers of a reply; `whole` is what is known of one that is no stream. */
export const replyHeaders = (
  head: ReplyHead,
  {
    arrival,
    delivering,
    whole,
    nowMs,
  }: {
    readonly arrival: Arrival;
    readonly delivering: CallSoFar;
    readonly whole: WholeReply | null;
    /** Monotonic clock. */
    readonly nowMs: number;
  },
): Record<string, string> => {
  const { stream, tries, cache, elsewhereMs } = delivering;
  const overheadMs = nowMs - arrival.startedMs - elsewhereMs();
  const all: Record<string, string> = {
    ...ownHeaders(arrival),
    ...head.headers,
    'x-tollgate-attempts': String(tries),
    'x-tollgate-cache': cache,
    'x-tollgate-overhead-ms': Math.max(0, overheadMs).toFixed(2),
  };
  // A stream may be whole already by chance; it is promised neither. Nor is a cost that a crash could still change.
  if (whole !== null && !stream) {
    if (whole.isDurable) all['x-tollgate-cost-usd'] = usdText(whole.cost);
    all['content-length'] = String(whole.lengthBytes);
  }
  // Proxies on the way must hand a stream on as it comes.
  if (stream) Object.assign(all, { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  return all;
};
