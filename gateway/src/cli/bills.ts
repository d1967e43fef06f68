import type { Group } from './command.ts';

/** `tollgate bills ...`: what providers bill, and is it what the ledger has? */
export const bills: Group = {
  name: 'bills',
  description: 'Import bills of providers, and hold the ledger against them',
  commands: [
    {
      name: 'import',
      description:
        'Read bills of a provider, to hold the ledger against them: all of the files or nothing',
      load: async () => (await import('./bills/import.ts')).importBills,
    },
    {
      name: 'compare',
      description:
        'Hold the ledger against the bills that were imported, by day, provider, account and model',
      load: async () => (await import('./bills/compare.ts')).compare,
    },
  ],
};
