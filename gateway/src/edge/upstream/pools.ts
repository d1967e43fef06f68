import { Pool } from 'undici';
import { connector } from './connections.ts';

export interface PoolSettings {
  readonly origin: string;
  readonly connectMs: number;
  readonly maxConnections: number;
}

/** How long an idle connection is kept; providers' load balancers close theirs after a minute or more. */
const keepAliveMs = 30_000;

/**
 * Connections to one provider. HTTP/1.1 only: one lost connection then touches one call. The library times connecting,
 * which it alone can see. Silence and length of a reply are timed by the attempt: the library would count the time in
 * which our client holds us up, and would end a whole reply that is silent while the model thinks.
 */
export const connectionPool = ({ origin, connectMs, maxConnections }: PoolSettings): Pool =>
  new Pool(origin, {
    allowH2: false,
    connections: maxConnections,
    pipelining: 1,
    connect: connector(connectMs),
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs * 2,
  });
