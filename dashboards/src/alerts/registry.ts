import { bills } from './bills.ts';
import { clickhouse } from './clickhouse.ts';
import { gateway } from './gateway.ts';
import { latency } from './latency.ts';
import { ledger } from './ledger.ts';
import { providers } from './providers.ts';
import type { Alert, Rule } from './rule.ts';
import { workers } from './workers.ts';

/** Every rule that ships. Inside a group rules run in order, so a recording stands before what reads it. */
export const groups: Readonly<Record<string, readonly Rule[]>> = {
  'tollgate-gateway': gateway,
  'tollgate-workers': workers,
  'tollgate-ledger': ledger,
  'tollgate-bills': bills,
  'tollgate-clickhouse': clickhouse,
  'tollgate-latency': latency,
  'tollgate-providers': providers,
};

export const alerts: readonly Alert[] = Object.values(groups)
  .flat()
  .filter((rule) => rule.kind === 'alert');
