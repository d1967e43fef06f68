/** `docs/reference.md`: what others may rely on, from the tables that say so. */
import { environmentTable } from '@tollgate/settings/docs-environment.ts';
import { endpoints } from '../contract/endpoints.ts';
import { environment } from '../contract/environment.ts';
import { errorWords } from '../contract/error-words.ts';
import { errors, type ErrorCode } from '../contract/errors.ts';
import { requestHeaders, responseHeaders } from '../contract/headers.ts';
import { columnWords, correctionWords } from '../contract/ledger-words.ts';
import { metrics, type MetricRow } from '../contract/metrics.ts';
import { outcomes } from '../contract/outcomes.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map(cell).join(' | ')} |`)
    .join('\n');
const code = (text: string): string => `\`${text}\``;

const described = (words: Readonly<Record<string, string>>): (readonly string[])[] =>
  Object.entries(words).map(([name, about]) => [code(name), about]);

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errors, text);

const errorRows = Object.keys(errors)
  .filter(isErrorCode)
  .map((name) => {
    const { status, outcome, origin } = errors[name];
    const { what, help } = errorWords[name];
    return [code(name), String(status), origin, code(outcome), what, help];
  });

const metricRows = Object.values<MetricRow>(metrics).map(({ name, kind, labels, help }) => [
  code(name),
  kind,
  labels.map(code).join(', '),
  help,
]);

/** The page as it is committed. */
export const reference = (): string =>
  [
    '# Reference',
    "Generated from the tables in `gateway/src/contract/` by `npm run generate`; do not edit. Settings: [configuration.md](configuration.md). What a\nprovider's errors mean, and which of its headers pass: [providers.md](providers.md).",
    '## Endpoints',
    table(
      ['path', 'dialect', 'operation'],
      endpoints.map(({ path, dialect, operation }) => [code(`POST ${path}`), dialect, operation]),
    ),
    'Beside these: `GET /v1/models`, `GET /v1/models/{model}`, `GET /health/live`, `GET /health/ready`, `GET /metrics`.',
    '## Request headers',
    table(['header', 'what it says'], described(requestHeaders)),
    '## Response headers',
    table(['header', 'what it says'], described(responseHeaders)),
    '## Errors',
    'An error has the shape of the dialect that was called, and `code`. Its status is the one below, but for errors of a provider, which keep their own where the client knows it.',
    table(['code', 'status', 'whose fault', 'outcome', 'what it is', 'what helps'], errorRows),
    '## Outcomes',
    'Every call ends in one of these: `outcome` in ledger, metrics, spans and log.',
    table(
      ['outcome', 'span status', 'log level'],
      Object.entries(outcomes).map(([name, { span, log }]) => [code(name), span, log]),
    ),
    '## Metrics',
    'Of several workers behind one port every series has the label `worker` as well (`1`, `2`, ...), and a worker that is started again begins its series anew; over OTLP each is an instance of its own (`service.instance.id`).',
    table(['name', 'kind', 'labels', 'what it counts'], metricRows),
    '## Ledger',
    'Columns of `tollgate.calls` that the gateway writes; `attempts.*` are arrays of one length, one element for each attempt.',
    table(['column', 'what it holds'], described(columnWords)),
    'What the row of a correction (`tollgate ledger reprice`) says beside; its counts are 0, its money is a difference. The table fills these in for the row of a call.',
    table(['column', 'what it holds'], described(correctionWords)),
    '## Environment',
    environmentTable(environment),
  ].join('\n\n') + '\n';
