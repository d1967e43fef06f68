import type http from 'node:http';
import { guardedServer, type Guard } from '@tollgate/listener/edge/guard.ts';
import type { Intake } from './intake.ts';
import type { Destination } from './members/destination.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** `/metrics`, `/health/live`, `/health/ready` (503 before listening and while stopping), `/members`. */
export const adminServer = (parts: {
  readonly metrics: Metrics;
  readonly destination: Destination;
  readonly intake: Intake;
  readonly ready: () => boolean;
  readonly guard: Guard;
}): http.Server => {
  const { metrics, destination, intake, ready, guard } = parts;
  const page = async (path: string) => {
    switch (path) {
      case '/metrics':
        destination.report();
        intake.report();
        return { status: 200, type: metrics.contentType, body: await metrics.text() };
      case '/health/live':
        return { status: 200, type: 'text/plain', body: 'live\n' };
      case '/health/ready':
        return ready()
          ? { status: 200, type: 'text/plain', body: 'ready\n' }
          : { status: 503, type: 'text/plain', body: 'not ready\n' };
      case '/members': {
        const body = `${JSON.stringify({ members: destination.describe() }, null, 2)}\n`;
        return { status: 200, type: 'application/json', body };
      }
      default:
        return { status: 404, type: 'text/plain', body: 'no such page\n' };
    }
  };
  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { status, type, body } = await page(request.url?.split('?', 1)[0] ?? '');
    response.writeHead(status, { 'content-type': type });
    response.end(body);
  };
  return guardedServer({}, (request, response) => void serve(request, response), guard);
};
