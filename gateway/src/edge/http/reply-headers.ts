/** The head of a reply that a provider gave: what it says of itself, and what the gateway says of it. */
import type { IncomingHttpHeaders } from 'node:http';
import { passingHeaders, requestIds } from '../../decide/reply-headers.ts';
import type { Told } from '../../decide/told.ts';
import type { Target } from '../../model/call.ts';
import { plus, toPicodollars, usdText, type Picodollars } from '../../model/money.ts';
import type { CallFacts } from '../../model/settlement.ts';
import type { ReplyFacts } from '../upstream/attempt.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Admitted } from './admission.ts';
import type { Arrival } from './arrival.ts';
import { headerText } from './header-text.ts';

/** What is known of a call when its reply begins. */
export interface ReplyWorld {
  readonly arrival: Arrival;
  readonly facts: CallFacts;
  readonly admitted: Admitted;
  readonly headers: IncomingHttpHeaders;
}

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
const contentTypeFor = (
  { facts }: ReplyWorld,
  upstream: Upstream,
  { contentType, isStream }: ReplyFacts,
): string => {
  const isRight = /^\s*text\/event-stream/i.test(contentType) === isStream && contentType !== '';
  if (upstream.provider.dialect === facts.dialect && isRight) return headerText(contentType);
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

/** The headers of a reply; `spent` and `providerMs` are those of the attempts before it. */
export const replyHeaders = (
  world: ReplyWorld,
  served: {
    readonly target: Target;
    readonly upstream: Upstream;
    readonly dropped: readonly string[];
    readonly told: Told;
    readonly reply: ReplyFacts;
    readonly spent: Picodollars;
    readonly providerMs: number;
  },
): Record<string, string> => {
  const { arrival, admitted } = world;
  const { target, upstream, told, reply, spent, providerMs } = served;
  const overheadMs = performance.now() - arrival.startedMs - providerMs - reply.attemptMs;
  const all: Record<string, string> = {
    ...ownHeaders(arrival),
    ...passingHeaders(reply.headers, told),
    'content-type': told.clean(contentTypeFor(world, upstream, reply)),
    'x-tollgate-provider': target.provider,
    'x-tollgate-model': headerText(target.model),
    'x-tollgate-attempts': String(reply.tries),
    'x-tollgate-cache': 'off',
    ...droppedHeader(world.headers, upstream, served.dropped),
    'x-tollgate-overhead-ms': Math.max(0, overheadMs).toFixed(2),
  };
  if (reply.cost !== null)
    all['x-tollgate-cost-usd'] = usdText(plus(spent, toPicodollars(reply.cost)));
  if (reply.lengthBytes !== null) all['content-length'] = String(reply.lengthBytes);
  // Proxies on the way must hand a stream on as it comes.
  if (admitted.ask.stream)
    Object.assign(all, { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  return all;
};
