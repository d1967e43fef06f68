/** The head of a reply: what it says of itself, and what the gateway says of the call. */
import type { IncomingHttpHeaders } from 'node:http';
import { passingHeaders, requestIds } from '../../decide/reply-headers.ts';
import type { Told } from '../../decide/told.ts';
import type { Delivering } from '../../flow/effects.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Target } from '../../model/call.ts';
import { usdText } from '../../model/money.ts';
import type { ReplyHead } from '../../model/reply.ts';
import type { ReceivedHead } from '../upstream/attempt.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { WholeReply } from './delivery.ts';
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
  headers: IncomingHttpHeaders,
  { provider }: Pick<Upstream, 'provider'>,
  fields: readonly string[],
): Record<string, string> => {
  const betas = betaHeaders.filter(
    (name) => headers[name] !== undefined && !provider.forwardedHeaders.includes(name),
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
    upstream,
    told,
    headers,
    dropped,
  }: {
    /** The provider speaks the client's words. */
    readonly passes: boolean;
    readonly target: Target;
    readonly upstream: Upstream;
    readonly told: Told;
    /** Of the client's request. */
    readonly headers: IncomingHttpHeaders;
    /** Fields of it that were left out. */
    readonly dropped: readonly string[];
  },
): Record<string, string> => ({
  ...passingHeaders(received.headers, told),
  'content-type': told.clean(contentTypeFor(passes, received)),
  'x-tollgate-provider': target.provider,
  'x-tollgate-model': headerText(target.model),
  ...droppedHeader(headers, upstream, dropped),
});

/** The headers of a reply; `whole` is what is known of one that is no stream. */
export const replyHeaders = (
  head: ReplyHead,
  {
    arrival,
    delivering,
    whole,
  }: {
    readonly arrival: Arrival;
    readonly delivering: Delivering;
    readonly whole: WholeReply | null;
  },
): Record<string, string> => {
  const { stream, tries, cache, providerMs } = delivering;
  const overheadMs = performance.now() - arrival.startedMs - providerMs();
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
