import { basename } from 'node:path';
import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import type { BillFormat } from '../../bills/bill.ts';
import { billFormats } from '../../bills/registry.ts';
import { ReportSums, type Report } from '../../bills/report.ts';
import { measureDrift } from '../../edge/bills/drift.ts';
import { readBills, type BillProblem } from '../../edge/bills/read.ts';
import { storeReport } from '../../edge/bills/store.ts';
import { command } from '../command.ts';
import { located } from '../located.ts';
import { ledgerAddress } from '../ledger/address.ts';
import { fail, misuse, reasonOf, say } from '../say.ts';

const answerTimeoutMs = 60_000;
const mostFiles = 1_000;
/** Providers go on counting for a while: so many days after one it is taken for final, where the bill does not say. */
const finalAfterDays = 3;
const dayMs = 86_400_000;

const nameText = /^[A-Za-z0-9._-]{1,100}$/;
const accountText = /^\P{Cc}{1,200}$/u;

const problemText = ({ file, at, problem }: BillProblem): string =>
  [file, ...(at === '' ? [] : [at]), problem].join(': ');

const formats = [...billFormats.values()];

interface Import {
  readonly format: BillFormat;
  readonly provider: string;
  readonly account: string | null;
  readonly files: readonly string[];
  readonly isDry: boolean;
}

const daysOf = ({ firstDay, lastDay }: Report): string =>
  firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`;

const run = async (wanted: Import, asJson: boolean): Promise<void> => {
  const { format, provider, account, files, isDry } = wanted;
  const finalTo = new Date(Date.now() - finalAfterDays * dayMs).toISOString().slice(0, 10);
  const sums = new ReportSums({ format: format.name, provider, account, finalTo });
  const { lines, others, problems } = await readBills(files, format, (line) => sums.add(line));
  if (problems.length > 0) {
    process.exitCode = 1;
    if (asJson) return say(JSON.stringify({ ok: false, problems }));
    for (const problem of problems) process.stderr.write(`tollgate: ${problemText(problem)}\n`);
    process.stderr.write('tollgate: nothing was imported\n');
    return;
  }
  if (lines === 0)
    return fail(`no line of ${others} is about models: nothing was imported`, asJson);
  const report = sums.report();
  let result: 'stored' | 'there' | 'dry' = 'dry';
  if (!isDry) {
    const address = ledgerAddress('write');
    result = await withClient({ ...address, timeoutMs: answerTimeoutMs }, async (client) => {
      const stored = {
        report,
        provider,
        source: format.name,
        files: files.map((file) => basename(file)),
      };
      const kind = await storeReport(client, stored);
      await measureDrift(client, Date.now());
      return kind;
    });
  }
  const facts = { report: report.id, provider, lines, others, amountUsd: report.amountUsd };
  if (asJson)
    return say(
      JSON.stringify({
        ok: true,
        result,
        ...facts,
        firstDay: report.firstDay,
        lastDay: report.lastDay,
      }),
    );
  const what = { stored: 'imported', there: 'is there already', dry: 'read, not imported' }[result];
  say(
    `${what}: $${report.amountUsd} of ${provider}, ${daysOf(report)}, ${lines} lines (${others} about other things passed over)`,
  );
};

/** `tollgate bills import --format FORMAT FILE...`: exit code 1 when a line is not understood; then nothing is imported. */
export const importBills = command({
  more: 'files',
  args: {
    file: {
      type: 'positional',
      required: true,
      description: 'A file, packed with gzip or not; and further ones',
    },
    format: {
      type: 'string',
      required: true,
      description: formats.map(({ name, about }) => `${name}: ${about}`).join('; '),
    },
    provider: {
      type: 'string',
      description: `What the configuration calls the provider. Default: ${formats.map(({ name, provider }) => `${provider ?? 'none'} for ${name}`).join(', ')}`,
    },
    account: {
      type: 'string',
      description:
        "The provider's `account` in the configuration, in place of those in the bill; -: it has none. Default: that of the bill",
    },
    'dry-run': { type: 'boolean', description: 'Read and sum up; import nothing' },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const asJson = args.json === true;
    const format = billFormats.get(args.format);
    if (format === undefined)
      return misuse(`--format is one of ${[...billFormats.keys()].join(', ')}`);
    const provider = args.provider ?? format.provider;
    if (provider === null) return misuse(`--format ${format.name} needs --provider`);
    if (!nameText.test(provider)) return misuse('--provider is no name of a provider');
    const { account } = args;
    if (account !== undefined && !accountText.test(account))
      return misuse('--account is no name of an account');
    const files = [...new Set([args.file, ...args._])].map(located);
    if (files.length > mostFiles) return misuse(`more than ${mostFiles} files`);
    try {
      await run(
        {
          format,
          provider,
          account: account === undefined ? null : account === '-' ? '' : account,
          files,
          isDry: args['dry-run'] === true,
        },
        asJson,
      );
    } catch (error) {
      fail(`nothing was imported: ${reasonOf(error)}`, asJson);
    }
  },
});
