import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import { repairLedger } from '../../edge/ledger/repair.ts';
import {
  verifyLedger,
  type LedgerFinding,
  type Verification,
  type VerifyOptions,
} from '../../edge/ledger/verification.ts';
import { command } from '../command.ts';
import { progress } from '../progress.ts';
import { fail, listed, misuse, reasonOf, say } from '../say.ts';
import { ledgerAddress } from './address.ts';
import { findingText } from './finding-text.ts';

/** Of one question; a ledger of millions of rows takes many. */
const answerTimeoutMs = 300_000;
const progressMs = 1_000;

const dayText = /^\d{4}-\d{2}-\d{2}$/;

/** What a run with `--repair` did something about, and what is found now. */
interface Verified extends Verification {
  readonly repaired: readonly LedgerFinding[];
}

const verifyAndMend = async (options: VerifyOptions, repair: boolean): Promise<Verified> => {
  const first = await verifyLedger(options);
  const repaired = repair ? await repairLedger(options.client, first.findings) : [];
  const now = repaired.length === 0 ? first : await verifyLedger(options);
  return { ...now, repaired };
};

const textOf = ({ repaired, findings, lives, rows, unlinked }: Verified): string =>
  [
    ...listed(repaired, (one) => `mended: ${findingText(one)}`, { and: 'and mended' }),
    ...listed(findings, findingText),
    `${findings.length === 0 ? 'ok' : `${findings.length} findings`}: ${rows} rows of ${lives} lives of gateways; ${rows - unlinked} vouched for by a later row, ${unlinked} not yet`,
  ].join('\n');

/** `tollgate ledger verify`: exit code 1 when something is wrong with the ledger, or it cannot be read; with `--repair`, when something still is. */
export const verify = command({
  args: {
    from: {
      type: 'string',
      description: 'Pass over gateways that wrote nothing since this day, such as 2026-11-01',
    },
    repair: {
      type: 'boolean',
      description:
        'Mend what the rows themselves can mend: sums that are not those of the rows, missing projections, rows that are there twice',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { from, repair, json } }) => {
    const asJson = json === true;
    if (from !== undefined && (!dayText.test(from) || Number.isNaN(Date.parse(from))))
      return misuse(`--from must be a day such as 2026-11-01, not '${from.slice(0, 40)}'`);
    const tell = progress(progressMs);
    let where = 'TOLLGATE_CLICKHOUSE_URL';
    try {
      const address = ledgerAddress(repair === true ? 'write' : 'read');
      where = address.url;
      const verified = await withClient({ ...address, timeoutMs: answerTimeoutMs }, (client) =>
        verifyAndMend(
          {
            client,
            from: from ?? null,
            onProgress: (rows, of) => tell(() => `verified ${rows} of ${of} rows`),
          },
          repair === true,
        ),
      );
      if (verified.findings.length > 0) process.exitCode = 1;
      say(
        asJson
          ? JSON.stringify({ ok: verified.findings.length === 0, ...verified })
          : textOf(verified),
      );
    } catch (error) {
      fail(`cannot read the ledger at ${where}: ${reasonOf(error)}`, asJson);
    }
  },
});
