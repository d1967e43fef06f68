/** Settlements become rows, linked into a chain that goes on from life to life of a gateway. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chain, rowHash } from '../../decide/chain.ts';
import type { ByteText } from '../../model/byte-text.ts';
import type { Settlement } from '../../model/settlement.ts';
import { putRow } from '../../projections/row.ts';

export interface Rows {
  /** Puts the row of a call down, in JSON, for the segment that is written now. Rows are made in the order of their numbers. */
  put(out: ByteText, settlement: Settlement, seq: number): void;
  /** The segment has ended. */
  seal(): void;
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/**
 * Goes on with the chain of the life before, as far as its file tells. The file is not synced: after a power cut the chain
 * begins anew, which loses no row and no link between rows that are there.
 */
export const startRows = (dir: string, replica: string): Rows => {
  const path = join(dir, 'chain');
  const chain = new Chain(replica, textOf(path));
  return {
    put(out, settlement, seq) {
      let hash = '';
      putRow(out, { settlement, replica, seq, chain: chain.said() }, (lasting) => {
        hash = rowHash(lasting);
      });
      chain.add(seq, hash);
    },
    seal() {
      const link = chain.seal();
      if (link === null) return;
      try {
        writeFileSync(path, link, { mode: 0o600 });
      } catch {
        // A full disk: the next life begins its chain anew.
      }
    },
  };
};
