import { withClient } from '@tollgate/clickhouse/edge/client.ts';
import { isFine, verdicts } from '../../decide/drift.ts';
import { compareBills, type Compared, type Comparison } from '../../edge/bills/compare.ts';
import { maxExportDays, problemOfDays } from '../../edge/ledger/focus-days.ts';
import { command } from '../command.ts';
import { ledgerAddress } from '../ledger/address.ts';
import { fail, listed, misuse, reasonOf, say } from '../say.ts';

const answerTimeoutMs = 300_000;

const lineOf = (one: Compared): string => {
  const why = [
    ...(one.unpriced > 0 ? [`${one.unpriced} attempts without a whole price`] : []),
    ...(one.estimated > 0 ? [`${one.estimated} attempts estimated`] : []),
  ];
  const account = one.account === '' ? '' : ` ${one.account}`;
  return `  ${one.verdict.padEnd(17)} ${one.day} ${one.provider}${account} ${one.model}: ledger ${one.ledger_usd}, bill ${one.billed_usd} (${one.variance_usd})${why.length === 0 ? '' : `; ${why.join(', ')}`}`;
};

const textOf = ({ lines, withoutBills }: Comparison): string => {
  const shown = lines.filter(({ verdict }) => verdict !== 'matched');
  const counts = verdicts
    .map((verdict) => [verdict, lines.filter((one) => one.verdict === verdict).length] as const)
    .filter(([, count]) => count > 0);
  return [
    ...listed(shown, lineOf, { and: '  and' }),
    ...(withoutBills.length > 0 ? [`no bill was ever imported of ${withoutBills.join(', ')}`] : []),
    counts.length === 0
      ? 'nothing to compare: no bill was imported for these days'
      : counts.map(([verdict, count]) => `${count} ${verdict}`).join(', '),
  ].join('\n');
};

/** `tollgate bills compare --from DAY --to DAY`: exit code 1 when ledger and bills differ, or there is nothing to compare. */
export const compare = command({
  args: {
    from: { type: 'string', required: true, description: 'First day, UTC: 2026-10-01' },
    to: { type: 'string', required: true, description: `Last day, at most ${maxExportDays} days` },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { from, to, json } }) => {
    const asJson = json === true;
    const problem = problemOfDays({ from, to });
    if (problem !== null) return misuse(problem);
    try {
      const comparison = await withClient(
        { ...ledgerAddress(), timeoutMs: answerTimeoutMs },
        (client) => compareBills(client, { from, to }),
      );
      const { lines } = comparison;
      const ok = lines.length > 0 && lines.every(({ verdict }) => isFine(verdict));
      if (!ok) process.exitCode = 1;
      say(asJson ? JSON.stringify({ ok, ...comparison }) : textOf(comparison));
    } catch (error) {
      fail(`cannot compare: ${reasonOf(error)}`, asJson);
    }
  },
});
