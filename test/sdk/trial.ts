/** Lets clients ask every row of the table, directly and through a real gateway, and compares. */
import { ledgerReader } from '../e2e/ledger-reader.ts';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, twoProviders } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { compare, type Line, type Row } from './compare.ts';
import { planFor, type Asked } from './plan.ts';
import { clocks, type Language } from './table.ts';
import type { Answer, Client } from './task.ts';

const rowsOf = async (clickhouse: FakeClickhouse): Promise<readonly Row[]> => {
  const reader = ledgerReader(clickhouse);
  const rows = await reader.query<Row>(`SELECT trace_id, outcome,
    concat(toString(input_uncached + input_cache_read + input_cache_write + input_cache_write_long), '+',
      toString(output_text + output_reasoning)) AS tokens,
    usage_source = 'provider' AND price_status = 'priced' AND cost_usd > 0 AS priced, waste_usd != 0 AS wasted
    FROM tollgate.calls ORDER BY started_at`);
  await reader.close();
  return rows;
};

const config = (openai: string, anthropic: string): string =>
  twoProviders(
    openai,
    anthropic,
    `timeouts: { firstByte: ${clocks.firstByteMs}ms, total: ${clocks.totalMs}ms }
retry: { triesPerTarget: 2, backoff: 1ms, backoffMax: 5ms }
log: { level: error }
ledger: { segmentAge: 200ms }`,
  );

/** @throws Error when a client, the gateway or ClickHouse does not run. */
export const tryTable = async (
  clients: ReadonlyMap<Language, Client>,
): Promise<readonly Line[]> => {
  const [openai, anthropic] = [await startOpenai(), await startAnthropic()];
  const clickhouse = await startClickhouse();
  const gateway = await startGateway({
    config: config(openai.origin, anthropic.origin),
    clickhouse,
  });
  const origins = { openai: openai.origin, anthropic: anthropic.origin };
  const asked: Asked[] = [];
  const answers = new Map<string, Answer>();
  try {
    // All at once: they mostly wait.
    await Promise.all(
      [...clients].map(async ([language, client]) => {
        const plan = planFor(language, origins, gateway.url);
        asked.push(...plan);
        const tasks = plan.flatMap(({ direct, through }) =>
          direct === null ? [through] : [direct, through],
        );
        for (const answer of await client(tasks)) answers.set(answer.id, answer);
      }),
    );
    // A gateway that stops ships every row first.
    await gateway.stop();
    const rows = await rowsOf(clickhouse);
    const journal = [...openai.journal, ...anthropic.journal];
    return asked.map((one) => compare(one, answers, journal, rows));
  } finally {
    await gateway.stop();
    await Promise.all([clickhouse.stop(), openai.close(), anthropic.close()]);
  }
};
