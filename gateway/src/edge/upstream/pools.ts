import { Pool } from 'undici';

export interface PoolSettings {
  readonly origin: string;
  readonly connectMs: number;
  readonly idleMs: number;
  readonly maxConnections: number;
}

/** How long an idle connection is kept; providers' load balancers close theirs after a minute or more. */
const keepAliveMs = 30_000;

/**
 * Connections to one provider. HTTP/1.1 only: one lost connection then touches one call. The first byte and the total
 * are timed by the attempt; the library times what it alone can see, connecting and the silence inside a body.
 */
export const connectionPool = ({ origin, connectMs, idleMs, maxConnections }: PoolSettings): Pool =>
  new Pool(origin, {
    allowH2: false,
    connections: maxConnections,
    pipelining: 1,
    connect: { timeout: connectMs },
    headersTimeout: 0,
    bodyTimeout: idleMs,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs * 2,
  });
