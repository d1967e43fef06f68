/** Prices calls of the ledger anew, and books the differences. */
import { createHash, randomUUID } from 'node:crypto';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import type { PriceTable } from '../../../decide/price.ts';
import { PriceChangeSums, type PriceChanges } from '../../../decide/price-changes.ts';
import { repriced } from '../../../decide/reprice.ts';
import { storedCall } from '../../../decide/stored-call.ts';
import { usdText } from '../../../model/money.ts';
import { textAt } from '../../../model/json.ts';
import { bookingMonth, firstDayOf } from '../../../decide/month-close.ts';
import { closedTo } from '../closes/months.ts';
import type { Days } from '../focus-days.ts';
import { correctedCalls } from './calls.ts';
import { batchLimits, Plan, type BatchLimits } from './plan.ts';
import { lastHead, recordRun, serverTime, unfinishedRuns, type Run } from './runs.ts';
import { writeRun } from './write.ts';

export interface RepriceRequest {
  readonly client: Client;
  readonly days: Days;
  readonly prices: PriceTable;
  /** Costs that providers stated are worked out anew too. */
  readonly reported: boolean;
  /** `correction_reason` of the rows. */
  readonly reason: string;
  /** Writes nothing. */
  readonly isDry: boolean;
  /** Of one insert. Default: `batchLimits`. */
  readonly limits?: BatchLimits;
  onCalls(calls: number): void;
  onBatch(batch: number, of: number): void;
}

export interface RepriceResult {
  readonly changes: PriceChanges;
  /** What was written; null: nothing, because nothing differs or nothing was to be written. */
  readonly run: Run | null;
  /** Runs that had been cut off. They are finished now, but by a dry run. */
  readonly unfinished: readonly Run[];
}

/** The same request on the same ledger is the same run. */
const runName = ({ days, prices, reported, reason }: RepriceRequest, before: string): string => {
  const inputs = JSON.stringify([days.from, days.to, prices.version, reported, reason, before]);
  return `reprice-${createHash('sha256').update(inputs).digest('hex').slice(0, 16)}`;
};

/** @param onChange awaited: a call whose money differs, and the month of that call */
const eachCall = async (
  { client, days, prices, reported, onCalls }: RepriceRequest,
  onChange: (
    change: Omit<Parameters<Plan['add']>[0], 'billingMonth'>,
    month: string,
  ) => Promise<void>,
): Promise<PriceChanges> => {
  const sums = new PriceChangeSums();
  let calls = 0;
  for await (const { row, corrections } of correctedCalls(client, days)) {
    const before = storedCall(row, corrections);
    const after = repriced(before, { prices, reported });
    sums.add(textAt(row, 'caller_team') ?? '', before, after);
    onCalls((calls += 1));
    const month = textAt(row, 'billing_month') ?? '';
    if (after.isChanged) await onChange({ row, before, after }, month);
  }
  return sums.result();
};

/** The run with its rows put aside; null: nothing differs. @param closed the last month that is closed */
const planned = async (
  request: RepriceRequest,
  closed: string,
): Promise<{ readonly changes: PriceChanges; readonly run: Run | null }> => {
  const { client, days, prices, reason, limits = batchLimits } = request;
  const before = await lastHead(client);
  const [run, name] = [runName(request, before), randomUUID()];
  const facts = { run, reason, priceVersion: prices.version };
  const plan = new Plan(client, facts, { before, plan: name, limits });
  const planned_at = await serverTime(client);
  const changes = await eachCall(request, (change, month) => {
    const billingMonth = firstDayOf(bookingMonth(month.slice(0, 'yyyy-mm'.length), closed));
    return plan.add({ ...change, billingMonth }, month);
  });
  const { rows, batches, head } = await plan.end();
  if (rows === 0) return { changes, run: null };
  const { costBefore, costAfter, listBefore, listAfter } = changes.total;
  const cost = costAfter - costBefore;
  return {
    changes,
    run: {
      run,
      plan: name,
      reason,
      from_day: days.from,
      to_day: days.to,
      price_version: prices.version,
      rows,
      batches,
      cost_usd: usdText(cost),
      discount_usd: usdText(listAfter - listBefore - cost),
      before,
      head,
      planned_at,
    },
  };
};

/**
 * Works out what calls of these days cost by these prices, and books what differs. A run that was cut off is finished first.
 * @throws Error with ClickHouse's words: call it again and it goes on; or because another run is under way
 */
export const repriceLedger = async (request: RepriceRequest): Promise<RepriceResult> => {
  const { client, isDry, onBatch } = request;
  const unfinished = await unfinishedRuns(client);
  if (isDry) {
    const changes = await eachCall(request, () => Promise.resolve());
    return { changes, run: null, unfinished };
  }
  for (const run of unfinished) await writeRun(client, run, (batch) => onBatch(batch, run.batches));
  const closed = await closedTo(client);
  const { changes, run } = await planned(request, closed);
  if (run === null) return { changes, run, unfinished };
  await recordRun(client, run, 'planned');
  const others = (await unfinishedRuns(client)).filter(({ plan }) => plan !== run.plan);
  // Whoever closes a month says so first and then looks for runs that are planned: one of the two sees the other.
  const isClosing = (await closedTo(client)) !== closed;
  const written =
    others.length > 0 || isClosing
      ? await recordRun(client, run, 'stale').then(() => ({ kind: 'stale' as const }))
      : await writeRun(client, run, (batch) => onBatch(batch, run.batches));
  if (written.kind === 'stale')
    throw new Error(
      'another run of corrections is under way or has just ended, or a month was closed meanwhile: run it again',
    );
  return { changes, run, unfinished };
};
