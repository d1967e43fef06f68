import type { Board } from './board.ts';
import { overview } from './overview.ts';

/** Every board that ships, by the name of its file. */
export const boards: Readonly<Record<string, Board>> = { overview };
