import { request } from 'undici';
import type { Answer } from '../model/answer.ts';
import { accepted } from '../model/answer.ts';
import { metricsPath, textOf } from './members/member.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** Passes an OTLP metrics request on, bytes unread. Null stands for "no destination configured". */
export type MetricsForward = ((body: Buffer, contentType: string) => Promise<Answer>) | null;

const timeoutMs = 3000;

/** Metrics are not traces: there is nothing to route, only a place to pass them to, if one is configured. */
export const createMetricsForward = (address: string | null, metrics: Metrics): MetricsForward =>
  address === null
    ? null
    : async (body, contentType) => {
        const busy = (message: string): Answer => {
          metrics.add('metricsRequests', { outcome: 'failed' });
          return { kind: 'busy', message, retryAfterMs: 1000 };
        };
        try {
          const { statusCode, body: reply } = await request(new URL(metricsPath, address), {
            method: 'POST',
            headers: { 'content-type': contentType },
            body,
            headersTimeout: timeoutMs,
            bodyTimeout: timeoutMs,
          });
          await reply.dump();
          if (statusCode === 400)
            return { kind: 'malformed', message: 'refused by the destination' };
          if (statusCode >= 300) return busy(`the destination answers HTTP ${statusCode}`);
          metrics.add('metricsRequests', { outcome: 'forwarded' });
          return accepted;
        } catch (error) {
          return busy(textOf(error));
        }
      };
