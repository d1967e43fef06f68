import type { Group } from './command.ts';
import { diff } from './prices/diff.ts';
import { explain } from './prices/explain.ts';
import { importCatalogue } from './prices/import.ts';
import { show } from './prices/show.ts';
import { signCatalogue } from './prices/sign.ts';

/** `tollgate prices ...`: what calls are priced by, why, and how that is renewed without a release. */
export const prices: Group = {
  name: 'prices',
  description: 'Look at the prices of calls, and renew them',
  commands: [show, explain, diff, signCatalogue, importCatalogue],
};
