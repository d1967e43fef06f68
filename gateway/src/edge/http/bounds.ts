/** How slow a request may be, how long a connection silent, and how many of them there may be: as a configuration says. */
import type { Server } from 'node:http';
import type { Config } from '../../config/config.ts';

/** So that the answer about a provider's last timeout is on its way before a silent connection is closed. */
const connectionSlackMs = 10_000;
/** Node's own clock over a whole request looks only now and then; ours is exact, this is the net below it. */
const requestNetMs = 30_000;
/** Node's default; never more than what a whole request may take. */
const headersMs = 60_000;

/** One call, its tries one after the other; nothing may reach the client in all that time. */
const longestCallMs = ({ providers, retry }: Config): number => {
  const totalsMs = [...providers.values()].map(({ timeouts }) => timeouts.totalMs);
  return retry.triesPerCall * (Math.max(0, ...totalsMs) + retry.backoffMaxMs);
};

/**
 * Gives a server the bounds of a configuration, also while it serves: Node reads them for each new connection, each request
 * and each of its looks at slow ones.
 */
export const setBounds = (server: Server, config: Config): void => {
  const { limits } = config;
  server.maxConnections = limits.connections;
  server.requestTimeout = limits.requestMs + requestNetMs;
  server.headersTimeout = Math.min(headersMs, server.requestTimeout);
  // A client that stops reading holds its connection hardly longer than a call may last.
  server.setTimeout(longestCallMs(config) + connectionSlackMs);
};
