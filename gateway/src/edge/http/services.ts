import type { Logger } from 'pino';
import type { Settlement } from '../../model/settlement.ts';
import type { Admission } from '../budgets/admission.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Runtime } from '../runtime.ts';
import type { MetricStore } from '../telemetry/store.ts';

/** What the data plane works with; the runtime may be swapped between two calls. */
export interface Services {
  runtime(): Runtime;
  readonly spool: Pick<
    Ledger['spool'],
    'intend' | 'further' | 'sent' | 'progress' | 'durableProgress'
  >;
  readonly admission: Pick<Admission, 'reserve' | 'extend' | 'settle'>;
  readonly store: MetricStore;
  readonly log: Logger;
  /**
   * Projects a settlement to ledger, metrics, spans and log.
   * @param written told once whether the row is on disk, where it outlives this process
   */
  settle(settlement: Settlement, written?: (durable: boolean) => void): void;
}
