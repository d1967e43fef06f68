/** The budgets in force, and what calls hold of them. */
import type { Logger } from 'pino';
import {
  Budgets,
  type AccountState,
  type Hold,
  type Passed,
} from '../../decide/budgets/budgets.ts';
import { tokensByCount } from '../../decide/budgets/prompt.ts';
import {
  accountText,
  amountText,
  refusalOf,
  scopeText,
  windowText,
} from '../../decide/budgets/say.ts';
import { spentBy, together } from '../../decide/budgets/spent.ts';
import { subjectOf } from '../../decide/budgets/subject.ts';
import { worstCase, type Asked, type WorstCase } from '../../decide/budgets/worst-case.ts';
import { refusalFor } from '../../decide/refuse.ts';
import type { AskedFor } from '../../flow/effects.ts';
import type { Budget } from '../../model/budget.ts';
import type { Caller, Target } from '../../model/call.ts';
import { picodollarsOf, toPicodollars, usdNumber } from '../../model/money.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { Attempt, Settlement } from '../../model/settlement.ts';
import type { RowObserver } from '../ledger/observer.ts';
import type { Runtime } from '../runtime.ts';
import type { MetricStore } from '../telemetry/store.ts';
import { Keeper } from './keeper.ts';

/** What a call holds until it is over. */
export interface Reservation {
  readonly hold: Hold;
  readonly caller: Caller;
  readonly asked: Asked;
  /** Money that is held for it. */
  usd: bigint;
}

type Admitted =
  | { readonly kind: 'held'; readonly reservation: Reservation | null }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Accounts shown as metrics: those that have used the largest share. */
const mostShown = 100;

const shareOf = ({ budget, used }: AccountState): number =>
  budget.limit === 0n ? 1 : Number(used) / Number(budget.limit);

const numberOf = (unit: Budget['unit'], amount: bigint): number =>
  unit === 'usd' ? usdNumber(amount) : Number(amount);

export interface AdmissionOptions {
  readonly budgets: readonly Budget[];
  /** Accounts kept at once. */
  readonly maxAccounts: number;
  readonly store: MetricStore;
  readonly log: Logger;
  /** Of the file that what was used is kept in. */
  readonly path: string;
}

export class Admission {
  readonly #budgets: Budgets;
  readonly #store: MetricStore;
  readonly #log: Logger;
  readonly #keeper: Keeper;
  #count: number;
  #evicted = 0;

  constructor({ budgets, maxAccounts, store, log, path }: AdmissionOptions) {
    this.#budgets = new Budgets(budgets, maxAccounts);
    this.#count = budgets.length;
    this.#store = store;
    this.#log = log;
    this.#keeper = new Keeper({
      path,
      budgets: this.#budgets,
      onError(message) {
        store.add('budgetKeepFailures', {}, 1);
        log.error({ component: 'budgets' }, message);
      },
    });
  }

  /** Other budgets are in force from now on. */
  adopt(budgets: readonly Budget[]): void {
    this.#budgets.adopt(budgets);
    this.#count = budgets.length;
    void this.#open();
  }

  /** What must know of every row. */
  get observer(): RowObserver {
    const keeper = this.#keeper;
    return {
      onStart: () => this.#open(),
      onLeftRow: (replica, seq, json) => keeper.leftRow(replica, seq, json),
      onNumbered: (settlement, replica, seq) => keeper.numbered(settlement, replica, seq),
      onAllWritten: () => keeper.allWritten(),
      mayForget: (replica, toSeq) => keeper.mayForget(replica, toSeq),
      onStop: () => keeper.close(),
    };
  }

  /** The row of a call is recorded nowhere. */
  dropped(settlement: Settlement): void {
    this.#keeper.dropped(settlement);
  }

  /** Holds what a call may come to, or says why it may not go on. */
  reserve(call: AskedFor, runtime: Runtime): Admitted {
    if (this.#count === 0) return { kind: 'held', reservation: null };
    const { facts, caller, parameters, targets, request } = call;
    const nowMs = Date.now();
    const prompt = request.prompt();
    const subject = subjectOf(facts, caller, parameters.model, targets);
    const askedFor = (inputTokens: number): Asked => ({
      operation: facts.operation,
      parameters,
      targets,
      prompt,
      inputTokens,
      startedAtMs: facts.startedAtMs,
    });
    const counted = (): number => tokensByCount(prompt, request.inputTokens());
    let asked = askedFor(prompt.tokensByLength ?? counted());
    let worst = this.#worst(asked, runtime);
    if (worst.kind === 'unpriced' && this.#budgets.limitsMoney(subject)) {
      const refusal = this.#unpriced(worst.target, runtime);
      if (refusal !== null) return this.#refused(caller, 'unpriced', refusal);
    }
    let reserved = this.#budgets.reserve(subject, worst.amounts, nowMs);
    // Near the end of a budget a prompt is counted rather than weighed.
    if (reserved.kind === 'short' && prompt.tokensByLength !== null) {
      asked = askedFor(counted());
      worst = this.#worst(asked, runtime);
      reserved = this.#budgets.reserve(subject, worst.amounts, nowMs);
    }
    if (reserved.kind === 'short') {
      const { short } = reserved;
      const refusal = refusalOf(short, nowMs, runtime.config.admission.moneyStatus);
      return this.#refused(caller, short.budget.unit, refusal);
    }
    const { hold } = reserved;
    return {
      kind: 'held',
      reservation: { hold, caller, asked, usd: worst.amounts.usd },
    };
  }

  /** Before a further attempt: holds what was spent and what this target may come to. Null: it may be asked. */
  extend(
    reservation: Reservation,
    { target, made }: { readonly target: Target; readonly made: readonly Attempt[] },
    runtime: Runtime,
  ): Refusal | null {
    const { hold, caller, asked } = reservation;
    const nowMs = Date.now();
    const next = this.#worst({ ...asked, targets: [target] }, runtime).amounts;
    const needed = together(spentBy(made), next);
    const short = this.#budgets.extend(hold, needed, nowMs);
    if (short !== null) {
      this.#countRefusal(caller, short.budget.unit);
      return refusalOf(short, nowMs, runtime.config.admission.moneyStatus);
    }
    if (needed.usd > reservation.usd) reservation.usd = needed.usd;
    return null;
  }

  /** The call is over. @param settlement null: there will be none */
  settle({ hold, caller, usd }: Reservation, settlement: Settlement | null): void {
    const spent = spentBy(settlement?.attempts ?? []);
    const { passed, booked } = this.#budgets.settle(hold, spent, Date.now());
    if (settlement !== null) this.#keeper.book(settlement, booked);
    for (const one of passed) this.#tell(one);
    if (spent.usd > usd && hold.parts.length > 0)
      this.#store.addMoney(
        'budgetExposure',
        { caller_team: caller.team, caller_app: caller.app },
        toPicodollars(spent.usd - usd),
      );
  }

  /** The accounts of a budget, as they are now. */
  states(budgetId: string): readonly AccountState[] {
    return [...this.#budgets.states(Date.now(), budgetId)];
  }

  /** Brings the accounts into the store; called before it is shown. */
  gauge(): void {
    const store = this.#store;
    for (const gauge of ['budgetUsed', 'budgetLimit', 'budgetReserved', 'budgetWindowEnd'] as const)
      store.clear(gauge);
    const states = [...this.#budgets.states(Date.now())];
    for (const state of states.toSorted((a, b) => shareOf(b) - shareOf(a)).slice(0, mostShown)) {
      const { budget, account, reserved, endsAtMs } = state;
      const { id, unit, scope, limit } = budget;
      const window = windowText(budget.window);
      const name = accountText(budget, account);
      const labels = {
        budget: id,
        scope: scope.map((part) => part.dimension).join('+'),
        name,
        unit,
        window,
      };
      store.set('budgetUsed', labels, shareOf(state));
      store.set('budgetLimit', labels, numberOf(unit, limit));
      store.set('budgetReserved', labels, numberOf(unit, reserved));
      if (endsAtMs !== null) store.set('budgetWindowEnd', { window }, endsAtMs / 1000);
    }
    store.add('budgetAccountsEvicted', {}, this.#budgets.evicted - this.#evicted);
    this.#evicted = this.#budgets.evicted;
  }

  /** Takes up what earlier lives used, where there is a budget to use. */
  async #open(): Promise<void> {
    if (this.#count > 0) await this.#keeper.open();
  }

  #worst(asked: Asked, { prices, config }: Runtime): WorstCase {
    const { assumedOutput, unpriced, unpricedReserve } = config.admission;
    const worst = worstCase(asked, prices, assumedOutput);
    if (worst.kind === 'known' || unpriced !== 'reserve_default') return worst;
    const usd = picodollarsOf(unpricedReserve) ?? 0n;
    return { ...worst, amounts: { ...worst.amounts, usd } };
  }

  /** What becomes of a call that nobody can tell the price of; null: it may go on. */
  #unpriced({ provider, model }: Target, { config }: Runtime): Refusal | null {
    if (config.admission.unpriced === 'refuse')
      return refusalFor({
        code: 'unpriced_model',
        message: `The model '${model.slice(0, 100)}' of ${provider} has no price for what this call asks, and a budget of money holds for it. Give it a price (prices), or let such calls pass (admission.unpriced).`,
        param: 'model',
      });
    this.#store.add('budgetUnpriced', { provider, model }, 1);
    return null;
  }

  #refused(caller: Caller, limit: Budget['unit'] | 'unpriced', refusal: Refusal): Admitted {
    this.#countRefusal(caller, limit);
    return { kind: 'refused', refusal };
  }

  #countRefusal({ team, app }: Caller, limit: string): void {
    this.#store.add('limitRefusals', { caller_team: team, caller_app: app, limit }, 1);
  }

  #tell({ budget, account, used, crossing }: Passed): void {
    const { id, unit, limit, scope } = budget;
    const threshold =
      crossing.kind === 'forecast' ? 'forecast' : String(crossing.thousandths / 1000);
    this.#store.add('budgetThresholds', { budget: id, threshold }, 1);
    this.#log.warn(
      {
        component: 'budgets',
        budget: id,
        scope: scopeText(scope),
        account: accountText(budget, account),
        threshold,
        used: amountText(unit, used),
        limit: amountText(unit, limit),
        unit,
        window: windowText(budget.window),
      },
      crossing.kind === 'forecast'
        ? 'at this pace a budget is spent before its window ends'
        : 'a budget has passed a threshold',
    );
  }
}
