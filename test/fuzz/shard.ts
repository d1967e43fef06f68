/** A stretch of seeds before one engine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { statementOf } from './statements.ts';
import { canary, openStand } from './trial.ts';

export interface Shard {
  readonly firstSeed: number;
  readonly count: number;
  /** An empty directory, for the engine and the files. */
  readonly directory: string;
}

export interface Tally {
  readonly statements: number;
  /** Read by the engine as one statement. */
  readonly parsed: number;
  /** Read or wrote a canary when nothing held them. */
  readonly dangerous: number;
  readonly answeredToReader: number;
  readonly answeredToWriter: number;
  readonly faults: readonly string[];
}

/** Statements that are no statement to the engine, and hold no `;`, do nothing; so many of a hundred go before the gate all the same. */
const sampledShare = 5;

/** Tries every statement of a shard. Changes the working directory, as the embedded server does. */
export const tryShard = async ({ firstSeed, count, directory }: Shard): Promise<Tally> => {
  const [engineDir, scratchDir] = [path.join(directory, 'engine'), path.join(directory, 'scratch')];
  for (const one of [engineDir, scratchDir]) mkdirSync(one, { recursive: true });
  const files = { read: path.join(directory, 'secret'), write: path.join(directory, 'written') };
  writeFileSync(files.read, `${canary}\n`);
  process.chdir(scratchDir);
  const stand = await openStand(engineDir, scratchDir);
  const tally = { parsed: 0, dangerous: 0, answeredToReader: 0, answeredToWriter: 0 };
  const faults: string[] = [];
  try {
    const written = Array.from({ length: count }, (_, i) => statementOf(firstSeed + i, files));
    const parses = await stand.parses(written.map(({ sql }) => sql));
    for (const [i, one] of written.entries()) {
      if (parses[i] === true) tally.parsed += 1;
      else if (!one.sql.includes(';') && i % 100 >= sampledShare) continue;
      const found = await stand.trial(one, files);
      if (found.dangerous) tally.dangerous += 1;
      if (found.answered.reader) tally.answeredToReader += 1;
      if (found.answered.writer) tally.answeredToWriter += 1;
      if (parses[i] !== true && (found.answered.reader || found.answered.writer)) {
        faults.push(`seed ${firstSeed + i}: answered, but no statement: ${one.sql}`);
      }
      faults.push(...found.faults.map((text) => `seed ${firstSeed + i}: ${text}: ${one.sql}`));
    }
  } finally {
    stand.close();
  }
  return { statements: count, ...tally, faults };
};
