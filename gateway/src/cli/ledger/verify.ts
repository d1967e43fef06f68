import { clickhouseClient } from '@tollgate/clickhouse/edge/client.ts';
import { verifyLedger, type Verification } from '../../edge/ledger/verification.ts';
import { command } from '../command.ts';
import { progress } from '../progress.ts';
import { fail, misuse, say } from '../say.ts';
import { ledgerAddress } from './address.ts';
import { findingText } from './finding-text.ts';

/** Of one question; a ledger of millions of rows takes many. */
const answerTimeoutMs = 300_000;
const progressMs = 1_000;

const dayText = /^\d{4}-\d{2}-\d{2}$/;

/** Findings written one by one; more are counted. */
const mostShown = 50;

const textOf = ({ findings, lives, rows, unlinked }: Verification): string =>
  [
    ...findings.slice(0, mostShown).map(findingText),
    ...(findings.length > mostShown ? [`and ${findings.length - mostShown} more`] : []),
    `${findings.length === 0 ? 'ok' : `${findings.length} findings`}: ${rows} rows of ${lives} lives of gateways; ${rows - unlinked} vouched for by a later row, ${unlinked} not yet`,
  ].join('\n');

/** `tollgate ledger verify`: exit code 1 when something is wrong with the ledger, or it cannot be read. */
export const verify = command({
  name: 'verify',
  group: 'ledger',
  description:
    'Read the whole ledger and find rows that are missing, double or changed since they were written, wrong sums, and parts without a projection',
  args: {
    from: {
      type: 'string',
      description: 'Pass over gateways that wrote nothing since this day, such as 2026-11-01',
    },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { from, json } }) => {
    const asJson = json === true;
    if (from !== undefined && (!dayText.test(from) || Number.isNaN(Date.parse(from))))
      return misuse(`--from must be a day such as 2026-11-01, not '${from.slice(0, 40)}'`);
    const tell = progress(progressMs);
    let client: ReturnType<typeof clickhouseClient> | null = null;
    let where = 'TOLLGATE_CLICKHOUSE_URL';
    try {
      const address = ledgerAddress();
      where = address.url;
      client = clickhouseClient({ ...address, timeoutMs: answerTimeoutMs });
      const verification = await verifyLedger({
        client,
        from: from ?? null,
        onProgress: (rows, of) => tell(() => `verified ${rows} of ${of} rows`),
      });
      if (verification.findings.length > 0) process.exitCode = 1;
      say(
        asJson
          ? JSON.stringify({ ok: verification.findings.length === 0, ...verification })
          : textOf(verification),
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      fail(`cannot read the ledger at ${where}: ${why}`, asJson);
    } finally {
      await client?.close();
    }
  },
});
