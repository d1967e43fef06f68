/** What a gateway itself says it did: a benchmark of calls that were not accounted for would measure something else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rssBytes } from './cpu.ts';
import type { BenchGateway } from './gateway-process.ts';

export interface Account {
  readonly calls: number;
  readonly answered: number;
  readonly rowsSpooled: number;
  readonly rowsShipped: number;
  readonly spansExported: number;
  readonly spansLost: number;
  readonly rssMiB: number;
}

/** Waits until every row is shipped, ten seconds at most, and reads the gateway's counters. */
export const accountOf = async (gateway: BenchGateway): Promise<Account> => {
  const spooled = () => gateway.metric('tollgate_ledger_rows_total', 'result="spooled"');
  const shipped = () => gateway.metric('tollgate_ledger_rows_total', 'result="shipped"');
  for (let i = 0; i < 40 && (await shipped()) < (await spooled()); i += 1) await sleep(250);
  return {
    calls: await gateway.metric('tollgate_calls_total'),
    answered: await gateway.metric('tollgate_calls_total', 'outcome="answered"'),
    rowsSpooled: await spooled(),
    rowsShipped: await shipped(),
    spansExported: await gateway.metric('tollgate_spans_total', 'result="exported"'),
    spansLost:
      (await gateway.metric('tollgate_spans_total', 'result="dropped"')) +
      (await gateway.metric('tollgate_spans_total', 'result="failed"')),
    rssMiB: Math.round(rssBytes([gateway.pid]) / 2 ** 20),
  };
};

/** What does not add up; empty: everything does. */
export const accountProblems = (account: Account): readonly string[] => {
  const { rowsSpooled, rowsShipped, calls, spansLost } = account;
  return [
    ...(rowsShipped === rowsSpooled && rowsSpooled === calls
      ? []
      : [`${calls} calls, ${rowsSpooled} rows, ${rowsShipped} shipped`]),
    ...(spansLost === 0 ? [] : [`${spansLost} spans were not exported`]),
  ];
};
