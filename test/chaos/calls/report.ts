/** What a run found, for people and for programs. */
import type { Judged } from './judge.ts';
import type { Lives } from './lives.ts';
import { placesAsked, type SumFinding } from './sums.ts';

export interface Found {
  readonly seconds: number;
  readonly lives: Lives;
  /** Calls in the clients' log, and requests in the providers' journal. */
  readonly calls: number;
  readonly served: number;
  readonly judged: Judged;
  readonly sums: readonly SumFinding[];
  /** What `tollgate ledger verify --json` said. */
  readonly verified: unknown;
  readonly isVerified: boolean;
  /** Values of the conservation metric that are not 0, at the end. */
  readonly unconserved: readonly string[];
  /** Anything else that must not be. */
  readonly faults: readonly string[];
  /** What was measured on the way, such as the pause. */
  readonly notes: readonly string[];
}

/** How many things are wrong. */
export const wrongOf = ({ judged, sums, isVerified, unconserved, faults }: Found): number =>
  Object.values(judged.counts).reduce((sum, count) => sum + count, 0) +
  sums.length +
  (isVerified ? 0 : 1) +
  unconserved.length +
  faults.length;

const shown = 20;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export const textOf = (found: Found): string => {
  const { lives, judged, sums, isVerified, unconserved, faults, notes } = found;
  const { counts, findings, outcomes, totals } = judged;
  const line = (name: string, value: unknown): string => `  ${name.padEnd(22)} ${String(value)}`;
  const byOutcome = [...outcomes]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ${count}`)
    .join(', ');
  return [
    line('cycles', `${lives.kills.length} (${lives.early} killed before they were ready)`),
    line(
      'ready again after',
      `${Math.round(median(lives.readyMs))} ms, ${Math.round(Math.max(0, ...lives.readyMs))} ms at most${lives.failed === 0 ? '' : `; ${lives.failed} starts ended by themselves`}`,
    ),
    ...notes.map((note) => line('meanwhile', note)),
    line('calls', found.calls),
    line('requests served', found.served),
    line('rows', totals.calls),
    line('missing', counts.missing),
    line('double', counts.double),
    line('contradicting', counts.contradicting),
    line('wrong outcome', counts.outcome),
    line('made by nobody', counts.stranger),
    line('by outcome', byOutcome),
    line('costs told, and kept', `${judged.costsTold}; usages ${judged.usagesTold}`),
    line('told, then estimated', `${judged.toldAndEstimated} rows of killed calls`),
    line('sums beside the rows', `${placesAsked - sums.length} of ${placesAsked} equal`),
    line('ledger verify', isVerified ? 'ok' : JSON.stringify(found.verified)),
    line('conservation', unconserved.length === 0 ? '0' : unconserved.join('; ')),
    ...findings.slice(0, shown).map(({ kind, trace, why }) => `${kind} ${trace}: ${why}`),
    ...sums.map(
      ({ name, found: is, expected }) =>
        `sum ${name}: ${is.join(' ')} instead of ${expected.join(' ')}`,
    ),
    ...faults.map((fault) => `FAULT: ${fault}`),
    `chaos: ${wrongOf(found) === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed'} in ${Math.round(found.seconds)} s`,
  ].join('\n');
};

/** JSON has no integers of that size. */
const plain = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

export const jsonOf = (found: Found): string => {
  const { judged, lives, ...rest } = found;
  const { outcomes, ...more } = judged;
  return JSON.stringify(
    {
      ok: wrongOf(found) === 0,
      ...rest,
      cycles: lives.kills.length,
      killedEarly: lives.early,
      startsFailed: lives.failed,
      kills: lives.kills,
      readyMs: { median: median(lives.readyMs), max: Math.max(0, ...lives.readyMs) },
      ...more,
      outcomes: Object.fromEntries(outcomes),
    },
    plain,
  );
};
