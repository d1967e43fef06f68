import type { AskedFor } from '../../flow/effects.ts';
import type { Target } from '../../model/call.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { Attempt, Settlement } from '../../model/settlement.ts';
import type { Runtime } from '../runtime.ts';
import type { Admission, Reservation } from './admission.ts';

/** What one call has of the budgets: held once, and given back once. */
export class Held {
  readonly #admission: Pick<Admission, 'reserve' | 'extend' | 'settle'>;
  readonly #runtime: Runtime;
  #reservation: Reservation | null = null;

  constructor(admission: Pick<Admission, 'reserve' | 'extend' | 'settle'>, runtime: Runtime) {
    this.#admission = admission;
    this.#runtime = runtime;
  }

  reserve(call: AskedFor): Refusal | null {
    const admitted = this.#admission.reserve(call, this.#runtime);
    if (admitted.kind === 'refused') return admitted.refusal;
    this.#reservation = admitted.reservation;
    return null;
  }

  extend(target: Target, made: readonly Attempt[]): Refusal | null {
    if (this.#reservation === null) return null;
    return this.#admission.extend(this.#reservation, { target, made }, this.#runtime);
  }

  /** What was held becomes what was spent; a second time changes nothing. */
  settle(settlement: Settlement | null): void {
    const reservation = this.#reservation;
    this.#reservation = null;
    if (reservation !== null) this.#admission.settle(reservation, settlement);
  }
}
