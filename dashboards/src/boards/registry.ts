import type { Board } from './board.ts';
import { ledger } from './ledger.ts';
import { overview } from './overview.ts';

/** Every board that ships, by the name of its file. */
export const boards: Readonly<Record<string, Board>> = { ledger, overview };
