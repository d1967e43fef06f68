/** What a client saw, what the provider was asked and what the ledger says, in the words of the table. */
import type { Served } from '../fakes/journal.ts';
import type { Asked } from './plan.ts';
import type { Language, Sdk } from './table.ts';
import type { Answer, Task } from './task.ts';

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

/** A row of the ledger as far as the table speaks of it. */
export interface Row {
  readonly trace_id: string;
  readonly outcome: string;
  readonly tokens: string;
  readonly priced: 0 | 1;
  readonly wasted: 0 | 1;
}

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

const count = (usage: Served['usage'], ...names: readonly string[]): number =>
  names.reduce((sum, name) => sum + Number(usage?.[name] ?? 0), 0);

/** Tokens as the fake's reply promised to bill them, in and out. */
const billed = ({ usage }: Served): string =>
  `${count(usage, 'prompt_tokens', 'input_tokens')}+${count(usage, 'completion_tokens', 'output_tokens')}`;

const describeRow = (row: Row, served: readonly Served[]): string => {
  if (row.outcome !== 'answered') return row.outcome;
  const last = served.at(-1);
  const isWhole =
    row.priced === 1 && row.wasted === 0 && last !== undefined && billed(last) === row.tokens;
  return isWhole ? 'answered, all tokens' : `answered, ${row.tokens} tokens`;
};

const traceOf = (served: Served): string => served.headers.traceparent?.split('-')[1] ?? '';

/** @param rows of the ledger, in the order of their calls */
export const compare = (
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
  const expected = inWords(scenario.shown[sdk][language], requests.through, scenario.rows);
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
