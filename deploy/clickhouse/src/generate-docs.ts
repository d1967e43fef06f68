/** `docs/clickhouse-errors.md`, from the table of error codes. */
import { errorCodes, type Fault } from './error-codes.ts';

const chapters: Readonly<Record<Fault, { readonly title: string; readonly text: string }>> = {
  rows: {
    title: 'The rows are at fault',
    text: `The rows are sent again in halves, each half an insert of its own, down to the row that ClickHouse objects to. The
gateway keeps that row in the folder \`dead/\` of its spool and logs the reason (\`tollgate_ledger_rows_total{result="dead"}\`);
the trace-router drops that span and counts it (\`trace_router_spans_total{outcome="refused"}\`). All others go in.`,
  },
  moment: {
    title: 'The moment is at fault',
    text: 'The same insert is sent again until it is answered, under the same token: it counts once. So is one that got no answer, or an error that is not in these tables.',
  },
  setup: {
    title: 'The setup is at fault',
    text: 'The same insert is sent again as well, and nothing is set aside; but it goes in only when somebody has changed the server, its tables or the rights of our user. The log says so.',
  },
};

const row = ({ code, name, because, rowsWhen }: (typeof errorCodes)[number]): string => {
  const when = rowsWhen === undefined ? '' : ` (a message with the word "${rowsWhen}")`;
  return `| ${code} | \`${name}\` | ${because ?? ''}${when} |`;
};

const chapter = (fault: Fault): string => {
  const { title, text } = chapters[fault];
  const rows = errorCodes
    .filter((one) => one.fault === fault)
    .sort((a, b) => a.code - b.code)
    .map(row);
  return [`## ${title}`, '', text, '', '| code | name | note |', '|---|---|---|', ...rows].join(
    '\n',
  );
};

/** The page, by its path. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({
  'docs/clickhouse-errors.md': `<!-- Written by \`npm run generate\` from deploy/clickhouse/src/error-codes.ts. Do not edit. -->

# What ClickHouse's errors mean for an insert

The ledger and the kept traces are inserted by the same code
(\`deploy/clickhouse/src/edge/insert-once.ts\`), and read an error of ClickHouse alike.

${(['rows', 'moment', 'setup'] as const).map(chapter).join('\n\n')}
`,
});
