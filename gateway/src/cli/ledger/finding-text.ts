import type { LedgerFinding } from '../../edge/ledger/verification.ts';

/** What `tollgate ledger verify` found, as a line. */
export const findingText = (finding: LedgerFinding): string => {
  switch (finding.kind) {
    case 'missing':
      return `missing     rows ${finding.from} to ${finding.to} of ${finding.replica}: written, and not in the table`;
    case 'double':
      return `double      rows ${finding.from} to ${finding.to} of ${finding.replica}: more than once in the table`;
    case 'altered':
      return `altered     rows ${finding.from} to ${finding.to} of ${finding.replica}: at least one is not what was written`;
    case 'wrong_sum':
      return `wrong sum   call ${finding.callId}: its cost is not the sum of its parts`;
    case 'misbooked':
      return `misbooked   call ${finding.callId}: it says another month than its own, or a run of corrections`;
    case 'projection':
      return `projection  ${finding.projection} is missing in part ${finding.part}`;
    case 'rollup':
      return `sums        tollgate.${finding.table} of ${finding.day}${finding.tag === null ? '' : `, tag ${finding.tag}`}: not those of the rows`;
    case 'closed_month':
      return `closed      ${finding.month} was closed with ${finding.closedRows} rows and $${finding.closedUsd}; it has ${finding.rows} and $${finding.costUsd} now`;
  }
};
