/** What `/health/ready` says: of one process, and of several that serve one port. */
import type { JsonObject } from '../model/json.ts';

/** The state of a ledger in numbers: what is still here, and what is wrong. */
export interface LedgerHealth {
  /** Why it takes no more; null: it does. */
  readonly full: string | null;
  readonly unshippedRows: number;
  readonly oldestRowSeconds: number;
  /** Null: never yet. */
  readonly reconciledSecondsAgo: number | null;
  readonly shipFailures: number;
  readonly rowsMissing: number;
  readonly rowsDouble: number;
  readonly rowsDamaged: number;
  readonly rowsDropped: number;
  readonly filesSetAside: number;
}

/** What a process says of itself. */
export interface Health {
  /** Why it should get no calls; null: it serves. */
  readonly reason: string | null;
  /** What it waits for although it serves; null: nothing. */
  readonly waiting: string | null;
  readonly ledger: LedgerHealth;
  /** The configuration in force, and settings that wait for the next start. */
  readonly configuration: { readonly hash: string; readonly restartNeeded: readonly string[] };
}

/** A place for a worker, and what is in it. */
export interface WorkerState {
  readonly worker: number;
  /** Null: none runs there. */
  readonly pid: number | null;
  /** `waiting`: for its next start. */
  readonly state: 'starting' | 'ready' | 'waiting';
  /** How often it was started again. */
  readonly restarts: number;
}

/** A worker and its answer; null: it gave none in time. */
export interface Heard<T> extends WorkerState {
  readonly answer: T | null;
}

export interface Readiness {
  readonly isReady: boolean;
  readonly body: JsonObject;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** Several ledgers as one: rows add up, and of what lasts or waits the worst counts. */
export const ledgersTogether = (all: readonly LedgerHealth[]): LedgerHealth => {
  const total = (of: (ledger: LedgerHealth) => number): number => sum(all.map(of));
  const compared = all.map(({ reconciledSecondsAgo }) => reconciledSecondsAgo);
  return {
    full: all.find(({ full }) => full !== null)?.full ?? null,
    unshippedRows: total((one) => one.unshippedRows),
    oldestRowSeconds: Math.max(0, ...all.map(({ oldestRowSeconds }) => oldestRowSeconds)),
    reconciledSecondsAgo: compared.includes(null)
      ? null
      : Math.max(0, ...compared.map((seconds) => seconds ?? 0)),
    shipFailures: total((one) => one.shipFailures),
    rowsMissing: total((one) => one.rowsMissing),
    rowsDouble: total((one) => one.rowsDouble),
    rowsDamaged: total((one) => one.rowsDamaged),
    rowsDropped: total((one) => one.rowsDropped),
    filesSetAside: total((one) => one.filesSetAside),
  };
};

const ledgerBody = (ledger: LedgerHealth): JsonObject => ({
  full: ledger.full,
  unshipped_rows: ledger.unshippedRows,
  oldest_row_seconds: ledger.oldestRowSeconds,
  reconciled_seconds_ago: ledger.reconciledSecondsAgo,
  ship_failures: ledger.shipFailures,
  rows_missing: ledger.rowsMissing,
  rows_double: ledger.rowsDouble,
  rows_damaged: ledger.rowsDamaged,
  rows_dropped: ledger.rowsDropped,
  files_set_aside: ledger.filesSetAside,
});

/** The answer of one process about itself. */
export const readinessOf = (health: Health, more: JsonObject = {}): Readiness => {
  const { reason, waiting, ledger, configuration } = health;
  const said =
    reason === null
      ? { status: 'ready', ...(waiting === null ? {} : { waiting }) }
      : { status: 'not ready', reason };
  return {
    isReady: reason === null,
    body: {
      ...said,
      ledger: ledgerBody(ledger),
      configuration: { hash: configuration.hash, restart_needed: configuration.restartNeeded },
      ...more,
    },
  };
};

/**
 * The answer for all workers of one port. Not ready: until each of them has been ready, and while one of them refuses calls, because
 * nobody can choose the worker that a call comes to. One that is away is told and makes nothing unready: it is given no calls.
 * @param complete every worker has been ready since the start
 */
export const readinessOfAll = (heard: readonly Heard<Health>[], complete: boolean): Readiness => {
  const found = heard.flatMap(({ worker, answer }) =>
    answer === null ? [] : [{ worker, answer }],
  );
  const told = (of: (health: Health) => string | null): string | null => {
    const first = found.find(({ answer }) => of(answer) !== null);
    return first === undefined ? null : `worker ${first.worker}: ${of(first.answer)}`;
  };
  const serving = heard.filter(({ state }) => state === 'ready').length;
  const missing = `${serving} of ${heard.length} workers are ready`;
  const hashes = [...new Set(found.map(({ answer }) => answer.configuration.hash))];
  return readinessOf(
    {
      reason: complete && serving > 0 ? told(({ reason }) => reason) : missing,
      waiting: serving < heard.length ? missing : told(({ waiting }) => waiting),
      ledger: ledgersTogether(found.map(({ answer }) => answer.ledger)),
      configuration: {
        hash: hashes.join(', '),
        restartNeeded: [
          ...new Set(found.flatMap(({ answer }) => answer.configuration.restartNeeded)),
        ],
      },
    },
    {
      workers: heard.map(({ worker, pid, state, restarts, answer }) => ({
        worker,
        pid,
        state: state === 'ready' && answer === null ? 'silent' : state,
        restarts,
      })),
    },
  );
};
