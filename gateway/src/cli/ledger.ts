import type { Group } from './command.ts';

/** `tollgate ledger ...`: what calls cost, taken elsewhere, priced anew, closed; and is it what was written? */
export const ledger: Group = {
  name: 'ledger',
  description:
    'Export what calls cost, price them anew, verify the ledger and close its months, read the spool on its way there',
  commands: [
    {
      name: 'export',
      description: 'Write what calls cost, for a FinOps tool: a line for each charge meter and day',
      load: async () => (await import('./ledger/export.ts')).exportLedger,
    },
    {
      name: 'reprice',
      description:
        'Price calls of the ledger anew and book the differences as corrections; rows are never changed',
      load: async () => (await import('./ledger/reprice.ts')).reprice,
    },
    {
      name: 'verify',
      description:
        'Read the whole ledger and find rows that are missing, double or changed since they were written, sums that are wrong, and parts without a projection',
      load: async () => (await import('./ledger/verify.ts')).verify,
    },
    {
      name: 'close',
      description:
        'Close a month: verify the ledger, write its rows and FOCUS lines out, and sign what they come to; later corrections go to the next month',
      load: async () => (await import('./ledger/close.ts')).close,
    },
    {
      name: 'check-close',
      description:
        'Check a closed month from its files and a public key, without the ledger; with --ledger also against the ledger',
      load: async () => (await import('./ledger/check-close.ts')).checkCloseCommand,
    },
    {
      name: 'dump',
      description:
        'Print what lies in a spool, a JSON object for each entry: intents, attempts, rows',
      load: async () => (await import('./ledger/dump.ts')).dump,
    },
  ],
};
