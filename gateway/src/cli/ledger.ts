import type { Group } from './command.ts';
import { checkCloseCommand } from './ledger/check-close.ts';
import { close } from './ledger/close.ts';
import { dump } from './ledger/dump.ts';
import { exportLedger } from './ledger/export.ts';
import { reprice } from './ledger/reprice.ts';
import { verify } from './ledger/verify.ts';

/** `tollgate ledger ...`: what calls cost, taken elsewhere, priced anew, closed; and is it what was written? */
export const ledger: Group = {
  name: 'ledger',
  description:
    'Export what calls cost, price them anew, verify the ledger and close its months, read the spool on its way there',
  commands: [exportLedger, reprice, verify, close, checkCloseCommand, dump],
};
