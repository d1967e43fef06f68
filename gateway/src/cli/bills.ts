import { compare } from './bills/compare.ts';
import { importBills } from './bills/import.ts';
import type { Group } from './command.ts';

/** `tollgate bills ...`: what providers bill, and is it what the ledger has? */
export const bills: Group = {
  name: 'bills',
  description: 'Import bills of providers, and hold the ledger against them',
  commands: [importBills, compare],
};
