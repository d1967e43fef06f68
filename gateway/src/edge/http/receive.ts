/** A request's body, read within its limits; why it is not, in the client's words. */
import type { IncomingMessage } from 'node:http';
import type { Share } from '../../decide/body-memory.ts';
import { plain } from '../../decide/refuse.ts';
import type { Problem } from '../../model/call.ts';
import type { MetricStore } from '../telemetry/store.ts';
import { readBytes, type Body } from './body.ts';
import { bodyProblem } from '../../translate/refusal.ts';

export interface BodyLimits {
  readonly bodyBytes: number;
  readonly requestMs: number;
}

/** Why a call has no body. */
const problemOf = (
  kind: Exclude<Body['kind'], 'whole'>,
  { bodyBytes, requestMs }: BodyLimits,
): Problem => {
  switch (kind) {
    case 'too_large':
      return bodyProblem({ statusCode: 413 }, bodyBytes);
    case 'too_slow':
      return {
        code: 'request_timeout',
        message: `The request body was not whole after ${requestMs} ms (limits.request).`,
        param: null,
      };
    case 'full':
      return plain('too_many_bytes');
    case 'key_full':
      return plain('too_many_bytes_of_key');
    case 'cut':
      return plain('client_closed');
  }
};

/** The limit of the configuration that ended a body. */
const limitOf = {
  too_large: 'body',
  too_slow: 'request',
  full: 'bodiesInFlight',
  key_full: 'bodiesPerKey',
  cut: null,
} as const satisfies Record<Exclude<Body['kind'], 'whole'>, string | null>;

export type Received =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | {
      readonly kind: 'bad';
      readonly problem: Problem;
      /** The rest of it may never come. */
      readonly isSlow: boolean;
    };

export const receiveBody = async (
  request: IncomingMessage,
  share: Share,
  limits: BodyLimits,
  store: MetricStore,
): Promise<Received> => {
  const { bodyBytes, requestMs } = limits;
  const body = await readBytes(request, { maxBytes: bodyBytes, withinMs: requestMs, share });
  if (body.kind === 'whole') return body;
  const limit = limitOf[body.kind];
  if (limit !== null) store.add('limitHits', { limit }, 1);
  return {
    kind: 'bad',
    problem: problemOf(body.kind, limits),
    isSlow: body.kind === 'too_slow',
  };
};

/**
 * Of a stranger's refused request, read and thrown away so that the connection serves on. What is larger is not waited
 * for. A known caller's may be as large as any body: closing while it is still sending would hide the answer from it.
 */
export const maxDiscardedBytes = 64 * 1024;

/** A refused body that is here, or soon will be. */
export const restIsSmall = (
  { complete, destroyed, headers }: IncomingMessage,
  mostBytes: number,
): boolean =>
  complete || (!destroyed && Number(headers['content-length'] ?? Infinity) <= mostBytes);
