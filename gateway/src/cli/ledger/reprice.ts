import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import type { PriceTable } from '../../decide/price.ts';
import {
  repriceLedger,
  type RepriceRequest,
  type RepriceResult,
} from '../../edge/ledger/corrections/reprice.ts';
import { measureDrift } from '../../edge/bills/drift.ts';
import { maxExportDays, problemOfDays } from '../../edge/ledger/focus-days.ts';
import { compilePrices } from '../../edge/prices/catalog.ts';
import { command } from '../command.ts';
import { configurationHelp, readConfiguration } from '../configuration.ts';
import { progress } from '../progress.ts';
import { readUnverified } from '../prices/file.ts';
import { fail, failWith, misuse, reasonOf, say } from '../say.ts';
import { ledgerAddress } from './address.ts';
import { changesJson, changesText } from './reprice-text.ts';

/** Of one question; a month of millions of rows takes a while. */
const answerTimeoutMs = 600_000;
const progressMs = 2_000;

const reasonText = /^[a-z][a-z_]{0,39}$/;

const textOf = ({ changes, run, unfinished }: RepriceResult, isDry: boolean): string => {
  const names = unfinished.map((one) => one.run).join(', ');
  const done = isDry
    ? 'nothing was written: leave --dry-run out to book the difference'
    : run === null
      ? 'nothing to book: the ledger has these prices already'
      : `booked as ${run.rows} corrections of run ${run.run}, priced by ${run.price_version}`;
  return [
    ...(unfinished.length === 0
      ? []
      : isDry
        ? [`the run ${names} was cut off and is not booked whole; without --dry-run it is finished`]
        : [`finished the run ${names}, which had been cut off`]),
    changesText(changes),
    done,
  ].join('\n');
};

const run = async (
  request: Pick<RepriceRequest, 'days' | 'prices' | 'reported' | 'reason' | 'isDry'>,
  asJson: boolean,
): Promise<void> => {
  const tell = progress(progressMs);
  let where = 'TOLLGATE_CLICKHOUSE_URL';
  try {
    const address = ledgerAddress(request.isDry ? 'read' : 'write');
    where = address.url;
    const result = await withClient({ ...address, timeoutMs: answerTimeoutMs }, async (client) => {
      const done = await repriceLedger({
        ...request,
        client,
        onCalls: (calls) => tell(() => `tollgate: priced ${calls} calls`),
        onBatch: (batch, of) => tell(() => `tollgate: booked ${batch} of ${of} batches`),
      });
      if (!request.isDry) await measureDrift(client, Date.now());
      return done;
    });
    if (asJson)
      say(
        JSON.stringify({
          ok: true,
          dryRun: request.isDry,
          priceVersion: request.prices.version,
          run: result.run?.run ?? null,
          corrections: result.run?.rows ?? 0,
          unfinished: result.unfinished.map((one) => one.run),
          ...changesJson(result.changes),
        }),
      );
    else say(textOf(result, request.isDry));
  } catch (error) {
    fail(`the ledger at ${where}: ${reasonOf(error)}`, asJson);
  }
};

/** `tollgate ledger reprice --from DAY --to DAY`: exit code 1 when it could not be done; then the same again goes on with it. */
export const reprice = command({
  args: {
    from: { type: 'string', required: true, description: 'First day, UTC: 2026-10-01' },
    to: { type: 'string', required: true, description: `Last day, at most ${maxExportDays} days` },
    'dry-run': { type: 'boolean', description: 'Show what would differ; write nothing' },
    config: { type: 'string', description: `Whose prices. ${configurationHelp}` },
    catalogue: {
      type: 'string',
      description: 'A catalogue, signed or not, in place of the one in force; own prices stay',
    },
    prices: {
      type: 'string',
      description: 'Version that the prices must be, as the dry run said it; else nothing is done',
    },
    reported: { type: 'boolean', description: 'Also where the provider stated the cost itself' },
    reason: {
      type: 'string',
      default: 'rerate',
      description: 'What corrections say why: a word such as rerate or contract',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const { from, to, config, catalogue, reason } = args;
    const asJson = args.json === true;
    const problem = problemOfDays({ from, to });
    if (problem !== null) return misuse(problem);
    if (!reasonText.test(reason) || reason === 'credit')
      return misuse(
        `--reason is a word of lower-case letters other than credit, not '${reason.slice(0, 40)}'`,
      );
    const read = await readConfiguration(config);
    if (read.kind === 'bad') return failWith(read.problems, asJson);
    const other = catalogue === undefined ? null : await readUnverified(catalogue);
    if (other?.kind === 'bad') return fail(`${catalogue} ${other.problem}`, asJson);
    const prices: PriceTable = compilePrices({
      ...read.config,
      ...(other === null ? {} : { priceCatalogue: other.catalogue }),
    });
    if (args.prices !== undefined && args.prices !== prices.version)
      return fail(
        `the prices are ${prices.version}, not ${args.prices.slice(0, 80)}: nothing was done`,
        asJson,
      );
    const isDry = args['dry-run'] === true;
    await run(
      { days: { from, to }, prices, reported: args.reported === true, reason, isDry },
      asJson,
    );
  },
});
