import {
  commits,
  full,
  rowsByResult,
  setAside,
  setAsideByKind,
  shipFailures,
  shipments,
  spool,
  unaccounted,
} from '../panels/ledger.ts';
import { alertsNow, conservation, spoolAge } from '../panels/trust.ts';
import type { Board } from './board.ts';
import { variables } from './variables.ts';

/** Is every call in the table, once, and what is in the way of those that are not? */
// oxfmt-ignore
export const ledger: Board = {
  uid: 'tollgate-ledger',
  title: 'Tollgate / Ledger & gateway',
  description: 'The way of rows from a call to the table: accounted for, spooled, shipped, set aside.',
  variables,
  rows: [
    { id: 100, title: 'Now', height: 4, panels: [
      { id: 1, width: 5, panel: conservation },
      { id: 2, width: 5, panel: setAside },
      { id: 3, width: 5, panel: full },
      { id: 4, width: 5, panel: spoolAge },
      { id: 5, width: 4, panel: alertsNow },
    ] },
    { id: 110, title: 'Rows', height: 8, panels: [
      { id: 11, width: 8, panel: rowsByResult },
      { id: 12, width: 8, panel: unaccounted },
      { id: 13, width: 8, panel: setAsideByKind },
    ] },
    { id: 120, title: 'Disk and table', height: 8, panels: [
      { id: 21, width: 6, panel: spool },
      { id: 22, width: 6, panel: commits },
      { id: 23, width: 6, panel: shipments },
      { id: 24, width: 6, panel: shipFailures },
    ] },
  ],
};
