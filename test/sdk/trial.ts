/** Lets clients ask every row of the table, directly and through a real gateway, and compares. */
import { randomBytes } from 'node:crypto';
import { startAnthropic } from '../fakes/anthropic.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, testKey, twoProviders } from '../fakes/gateway.ts';
import type { Served } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { ledgerReader } from '../e2e/ledger-reader.ts';
import { clocks, scenarios, sdks, type Language, type Scenario, type Sdk } from './table.ts';
import type { Answer, Client, Task } from './task.ts';

/** One line of the report. */
export interface Line {
  readonly language: Language;
  readonly sdk: Sdk;
  readonly scenario: string;
  readonly seen: string;
  readonly expected: string;
  /** What the client saw directly; null: it was not asked. */
  readonly direct: string | null;
  /** Why it should see something else directly; empty: it should not. */
  readonly why: string;
  readonly ok: boolean;
}

/** What is asked of one client, and how it can be found again in journals and ledger. */
interface Asked {
  readonly language: Language;
  readonly sdk: Sdk;
  readonly scenario: Scenario;
  readonly direct: Task | null;
  readonly through: Task;
}

const models = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5' } as const;

const taskOf = (sdk: Sdk, { ask }: Scenario, origin: string): Task => ({
  id: randomBytes(16).toString('hex'),
  sdk,
  origin,
  key: ask.stranger === 'key' ? 'tg-nobody' : testKey,
  model: ask.stranger === 'model' ? 'nothing' : models[sdk],
  content: JSON.stringify({ script: ask.script }),
  traceparent: '',
  stream: ask.stream === true,
  patient: ask.patient === true,
});

/** A task's id is the trace id of all that it causes. */
const traced = (task: Task): Task => ({
  ...task,
  traceparent: `00-${task.id}-00f067aa0ba902b7-01`,
});

const planFor = (
  language: Language,
  origins: Readonly<Record<Sdk, string>>,
  gateway: string,
): readonly Asked[] =>
  sdks.flatMap((sdk) =>
    scenarios
      .filter(({ shown }) => shown[sdk] !== null)
      .map((scenario) => ({
        language,
        sdk,
        scenario,
        through: traced(taskOf(sdk, scenario, gateway)),
        direct:
          scenario.requests.direct === null ? null : traced(taskOf(sdk, scenario, origins[sdk])),
      })),
  );

/** Ids of the fakes are `req_1`, `req_2`; the gateway's own are UUIDs. */
const whose = (requestId: string): string => {
  if (requestId === '') return 'no id';
  return /^req_\d+$/.test(requestId) ? "provider's id" : "gateway's id";
};

const show = (answer: Answer | undefined): string => {
  if (answer === undefined) return 'nothing';
  const { text, error, status, requestId } = answer;
  return `${text === null ? `${error} ${status}` : `'${text}'`}, ${whose(requestId)}`;
};

const inWords = (shown: string, requests: number, rows: string): string =>
  `${shown}; ${requests} upstream; ${rows}`;

/** A row of the ledger as far as the table speaks of it. */
interface Row {
  readonly trace_id: string;
  readonly outcome: string;
  readonly tokens: string;
  readonly priced: boolean;
  readonly wasted: boolean;
}

const rowsOf = async (clickhouse: FakeClickhouse): Promise<readonly Row[]> => {
  const reader = ledgerReader(clickhouse);
  const rows = await reader.query<Row>(`SELECT trace_id, outcome,
    concat(toString(input_uncached + input_cache_read + input_cache_write_5m + input_cache_write_1h), '+',
      toString(output_text + output_reasoning)) AS tokens,
    usage_source = 'provider' AND price_status = 'priced' AND cost_usd > 0 AS priced, waste_usd != 0 AS wasted
    FROM tollgate.calls ORDER BY started_at`);
  await reader.close();
  return rows;
};

const count = (usage: Served['usage'], ...names: readonly string[]): number =>
  names.reduce((sum, name) => sum + Number(usage?.[name] ?? 0), 0);

/** Tokens as the fake's reply promised to bill them, in and out. */
const billed = ({ usage }: Served): string =>
  `${count(usage, 'prompt_tokens', 'input_tokens')}+${count(usage, 'completion_tokens', 'output_tokens')}`;

const describeRow = (row: Row, served: readonly Served[]): string => {
  if (row.outcome !== 'answered') return row.outcome;
  const last = served.at(-1);
  const isWhole = row.priced && !row.wasted && last !== undefined && billed(last) === row.tokens;
  return isWhole ? 'answered, all tokens' : `answered, ${row.tokens} tokens`;
};

const traceOf = (served: Served): string => served.headers.traceparent?.split('-')[1] ?? '';

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

const compare = (
  { language, sdk, scenario, direct, through }: Asked,
  answers: ReadonlyMap<string, Answer>,
  journal: readonly Served[],
  rows: readonly Row[],
): Line => {
  const servedOf = (task: Task) => journal.filter((served) => traceOf(served) === task.id);
  const served = servedOf(through);
  const said = rows
    .filter((row) => row.trace_id === through.id)
    .map((row) => describeRow(row, served))
    .join(' + ');
  const shown = show(answers.get(through.id));
  const seen = inWords(shown, served.length, said === '' ? 'none' : said);
  const { requests, why } = scenario;
  const expected = inWords(scenario.shown[sdk]?.[language] ?? '', requests.through, scenario.rows);
  const shownDirectly = direct === null ? null : show(answers.get(direct.id));
  const requestsDirectly = direct === null ? null : servedOf(direct).length;
  const directIsRight =
    direct === null ||
    ((shownDirectly === shown) === (why === '') && requestsDirectly === requests.direct);
  return {
    language,
    sdk,
    scenario: scenario.name,
    seen,
    expected,
    direct: direct === null ? null : `${shownDirectly}; ${requestsDirectly} upstream`,
    why,
    ok: seen === expected && directIsRight,
  };
};
