/** What runs beside the calls: prices are recorded, drift is watched. */
import type { Config } from '../config/config.ts';
import { startDriftWatch } from './bills/drift.ts';
import type { Environment } from './config/environment.ts';
import type { LedgerParts } from './ledgers.ts';
import { pricePartsOf } from './prices/catalog.ts';
import { startPriceRecord, type PriceRecord } from './prices/record.ts';

type Beside = Pick<LedgerParts, 'live' | 'store' | 'log'>;

/** Keeps in ClickHouse what calls are priced by, from the first configuration on. */
export const recordPrices = (
  { clickhouse }: Environment,
  { live, store, log }: Beside,
): PriceRecord => {
  const record = startPriceRecord({
    clickhouse: { ...clickhouse, password: clickhouse.password.reveal() },
    onResult: (result) => store.add('priceCatalogWrites', { result }, 1),
    onError: (message) => log.warn({ component: 'prices' }, message),
  });
  const adopt = (config: Config): void => record.adopt(pricePartsOf(config));
  adopt(live.runtime().config);
  live.follow(adopt);
  return record;
};

const driftEveryMs = 60_000;

/** Shows what commands measured between ledger and bills. */
export const watchDrift = ({ clickhouse }: Environment, { store, log }: Beside) =>
  startDriftWatch({
    clickhouse: { ...clickhouse, password: clickhouse.password.reveal() },
    everyMs: driftEveryMs,
    onDrift(drift) {
      store.clear('reconciliationDrift');
      for (const { provider, cause, ratio } of drift)
        store.set('reconciliationDrift', { provider, cause }, ratio);
    },
    onError: (message) => log.warn({ component: 'bills' }, message),
  });
