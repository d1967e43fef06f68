/**
 * An exporter with every metric of the contracts, the gateway's and the embedded ClickHouse's, its counters moving: what Prometheus sees of a gateway under traffic
 * in which some of everything happens. Written with the client library that the gateway uses.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricRow, metrics } from '@tollgate/gateway/contract/metrics';
import { outcomes } from '@tollgate/gateway/contract/outcomes';
import { clickhouseMetrics } from '../../deploy/local/src/contract/metrics.ts';

type Exported = Pick<MetricRow, 'name' | 'kind' | 'labels' | 'buckets' | 'exemplars' | 'help'>;
const ofClickhouse: readonly Exported[] = Object.values(clickhouseMetrics);

/** Values of a label; one that is not listed has the value `some`. */
type Values = Readonly<Record<string, readonly string[]>>;
const values: Values = {
  gen_ai_provider_name: ['openai', 'anthropic'],
  gen_ai_request_model: ['gpt-5', 'claude'],
  gen_ai_token_type: ['input', 'output'],
  error_type: ['', '_OTHER'],
  caller_team: ['search', 'support'],
  caller_app: ['web', 'batch'],
  outcome: Object.keys(outcomes),
  bucket: ['input', 'cache_read', 'cache_write', 'output', 'reasoning'],
  provider: ['openai', 'anthropic'],
  model: ['gpt-5', 'claude'],
  result: ['ok', 'error', 'dropped', 'damaged'],
  error: ['', 'server', 'rate_limited', 'caller'],
  quantity: ['calls', 'rows', 'missing', 'double', 'dropped'],
  reason: ['disk', 'reserve'],
  kind: ['dead', 'damaged'],
  why: clickhouseMetrics.refused.values,
};

/** A gateway at which nothing has gone wrong yet. A counter exists from its first event on, so these do not. */
const calm: Values = { outcome: ['answered'], result: ['ok'], error: [''], error_type: [''] };
const quietValues: Values = { ...values, ...calm };
const notYet: ReadonlySet<Exported> = new Set([
  metrics.retries,
  metrics.fallbacks,
  metrics.waste,
  metrics.unpriced,
  metrics.estimated,
  metrics.overflow,
  metrics.authFailures,
  metrics.ledgerShipFailures,
]);
/** Gauges of what should not be: 0 at a healthy gateway. */
const faults: ReadonlySet<Exported> = new Set([
  metrics.ledgerFull,
  metrics.ledgerAside,
  metrics.reconciliationDrift,
]);

/** Every combination of the values of these labels. */
const combinations = (labels: readonly string[], values: Values): Record<string, string>[] =>
  labels.reduce<Record<string, string>[]>(
    (made, label) =>
      made.flatMap((one) =>
        (values[label] ?? ['some']).map((value) => ({ ...one, [label]: value })),
      ),
    [{}],
  );

const traceId = '0af7651916cd43dd8448eb211c80319c';

/** Registers one metric; the returned function makes everything of it happen once more. */
const register = (row: Exported, registry: Registry, values: Values): (() => void) => {
  const { name, help, labels } = row;
  const settings = { name, help, labelNames: [...labels], registers: [registry] };
  const enableExemplars = row.exemplars === true;
  const exemplarLabels = enableExemplars ? { trace_id: traceId } : {};
  const every = combinations(labels, values);
  switch (row.kind) {
    case 'counter': {
      const counter = new Counter({ ...settings, enableExemplars });
      // These are there from the start, and stay at 0 where nothing goes wrong.
      const isThere = ofClickhouse.includes(row) || row === metrics.workerRestarts;
      const value = values === quietValues && isThere ? 0 : 1;
      return () => {
        for (const one of every) {
          if (enableExemplars) counter.inc({ labels: one, value: 1, exemplarLabels });
          else counter.inc(one, value);
        }
      };
    }
    case 'gauge': {
      const gauge = new Gauge(settings);
      const isZero = row === metrics.conservation || (values === quietValues && faults.has(row));
      // Books that balance, everything else at work.
      return () => {
        for (const one of every) gauge.set(one, isZero ? 0 : 3);
      };
    }
    case 'histogram': {
      const buckets = [...(row.buckets ?? [])];
      const histogram = new Histogram({ ...settings, buckets, enableExemplars });
      return () => {
        for (const one of every) {
          for (const value of buckets) {
            if (enableExemplars) histogram.observe({ labels: one, value, exemplarLabels });
            else histogram.observe(one, value);
          }
        }
      };
    }
  }
};

/** `address` is host:port; each scrape of `/metrics` finds everything once more. */
export const startFakeExporter = async (
  mood: 'everything happens' | 'nothing goes wrong' = 'everything happens',
): Promise<{ address: string; stop(): Promise<void> }> => {
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  const quiet = mood === 'nothing goes wrong';
  const happenings = [...Object.values<MetricRow>(metrics), ...ofClickhouse]
    .filter((row) => !quiet || !notYet.has(row))
    .map((row) => register(row, registry, quiet ? quietValues : values));
  const server = createServer((_request, response) => {
    for (const happen of happenings) happen();
    registry.metrics().then(
      (text) => response.setHeader('content-type', registry.contentType).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    address: `127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
