/** The board and the rules against the running gateway and the embedded ClickHouse, scraped by a real Prometheus. */
import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  expressions,
  havePrometheus,
  needsPrometheus,
  rulesFile,
  startPrometheus,
  withoutData,
  type RunningPrometheus,
} from '../dashboards/prometheus.ts';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { makeCall, makeCalls, planCall } from './workload.ts';

const deadlineMs = 150_000;

/** As a command that imported a bill leaves it. */
const measuredDrift = async ({ url, user, password }: FakeClickhouse): Promise<void> => {
  const client = createClient({ url, username: user, password });
  await client.command({
    query:
      "INSERT INTO tollgate.reconciliation_drift (provider, cause, ratio) VALUES ('openai', 'price', 0.001)",
  });
  await client.close();
};

describe.skipIf(!havePrometheus)(
  `the running gateway on a real Prometheus${needsPrometheus}`,
  () => {
    let openai: Fake;
    let anthropic: Fake;
    let clickhouse: FakeClickhouse;
    let gateway: RunningGateway;
    let prometheus: RunningPrometheus;
    let loading = true;
    let load: Promise<void>;

    beforeAll(async () => {
      [openai, anthropic] = [await startOpenai(), await startAnthropic()];
      clickhouse = await startClickhouse();
      await measuredDrift(clickhouse);
      gateway = await startGateway({
        config: twoProviders(
          openai.origin,
          anthropic.origin,
          'timeouts: { idle: 1s, firstByte: 2s, total: 8s }\nretry: { backoff: 5ms, backoffMax: 50ms }\nlog: { level: error }',
        ),
        clickhouse,
      });
      prometheus = await startPrometheus({
        targets: [
          { job: 'tollgate', address: new URL(gateway.url).host },
          { job: 'clickhouse', address: new URL(clickhouse.url).host },
        ],
        rulesFile,
        scrapeIntervalMs: 500,
      });
      // Errors, retries, fallbacks and a model without a price must go on while it is scraped: rates need two points.
      load = (async () => {
        const { url, key } = gateway;
        for (let from = 0; loading; from += 40) {
          await makeCalls({ url, key, seed: 3, from, to: from + 40, width: 8 });
          const plain = planCall(4, from, key);
          await makeCall(url, {
            ...plain,
            path: '/v1/chat/completions',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
            body: JSON.stringify({
              model: 'gpt-without-a-price',
              messages: [{ role: 'user', content: 'hello' }],
            }),
            hangUp: null,
          });
        }
      })();
    });
    afterAll(async () => {
      loading = false;
      await load;
      await prometheus.stop();
      await gateway.stop();
      await Promise.all([openai.close(), anthropic.close(), clickhouse.stop()]);
    });

    test('every query of the board returns data', async () => {
      expect(await withoutData(prometheus, expressions().board, deadlineMs)).toEqual([]);
    });

    test('every rule returns data and is healthy', async () => {
      expect(await withoutData(prometheus, expressions().rules, deadlineMs)).toEqual([]);
      expect((await prometheus.rules()).filter(({ health }) => health !== 'ok')).toEqual([]);
    });
  },
);
