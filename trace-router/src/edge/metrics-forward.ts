import { request } from 'undici';
import type { Answer } from '../model/answer.ts';
import { accepted } from '../model/answer.ts';
import { metricsPath } from '../otlp/paths.ts';
import { textOf } from './members/member.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** What becomes of OTLP metrics: this is a router of traces. */
export interface MetricsForward {
  /** Passes a request on, its bytes unread; null: there is no destination. */
  readonly send: ((body: Buffer, contentType: string) => Promise<Answer>) | null;
  /** Counts a request that was refused because there is no destination. */
  refuse(): void;
}

const timeoutMs = 3000;

/** The way to the OTLP/HTTP address for metrics, if one is configured. */
export const startMetricsForward = (address: string | null, metrics: Metrics): MetricsForward => {
  const refuse = () => metrics.add('metricsRequests', { outcome: 'refused' });
  if (address === null) return { send: null, refuse };
  const busy = (message: string): Answer => {
    metrics.add('metricsRequests', { outcome: 'failed' });
    return { kind: 'busy', message, retryAfterMs: 1000 };
  };
  const send = async (body: Buffer, contentType: string): Promise<Answer> => {
    try {
      const { statusCode, body: reply } = await request(new URL(metricsPath, address), {
        method: 'POST',
        headers: { 'content-type': contentType },
        body,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      await reply.dump();
      if (statusCode === 400) return { kind: 'malformed', message: 'refused by the destination' };
      if (statusCode >= 300) return busy(`the destination answers HTTP ${statusCode}`);
      metrics.add('metricsRequests', { outcome: 'forwarded' });
      return accepted;
    } catch (error) {
      return busy(textOf(error));
    }
  };
  return { send, refuse };
};
