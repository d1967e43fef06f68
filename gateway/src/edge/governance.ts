/** Who may call and what may be spent: keys and budgets of the configuration file and of the control store, put together. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { shareOfBudget } from '../config/share.ts';
import type { AccountState } from '../decide/budgets/budgets.ts';
import { withWrittenUsers } from '../decide/budgets/subject.ts';
import type { RecordKind } from '../control/records.ts';
import type { Budget } from '../model/budget.ts';
import { Admission } from './budgets/admission.ts';
import { Control } from './control/control.ts';
import { sqliteDialect } from './control/sqlite.ts';
import { openStore } from './control/store.ts';
import { syncDirectory } from './ledger/files.ts';
import { spoolOf } from './ledger/spools.ts';
import type { Live } from './live.ts';
import type { MetricStore } from './telemetry/store.ts';

export interface Governance {
  readonly admission: Admission;
  readonly control: Control;
  /** The accounts of a budget, as they are now. */
  states(budgetId: string): readonly AccountState[];
  close(): Promise<void>;
}

export interface GovernanceOptions {
  readonly dataDir: string;
  /** Which of how many processes this is. */
  readonly worker: number;
  readonly workers: number;
  readonly live: Pick<Live, 'runtime' | 'follow'>;
  readonly store: MetricStore;
  readonly log: Logger;
}

/** Puts a file there, whole and on the disk itself, unless there is one. @throws what the disk does */
const putOnce = (dir: string, name: string, text: string): void => {
  const path = join(dir, name);
  if (existsSync(path)) return;
  const draft = `${path}.${process.pid}.new`;
  const fd = openSync(draft, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // Only one of several that start at once puts it there; a power cut leaves all of it or nothing.
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dir);
};

/** What secrets of keys are hashed with: made once, kept beside the store, the same for all workers. @throws what the disk does */
const hashKeyIn = (dataDir: string): string => {
  const name = 'control-hash-key';
  putOnce(dataDir, name, randomBytes(32).toString('hex'));
  const text = readFileSync(join(dataDir, name), 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${join(dataDir, name)} is damaged`);
  return text;
};

/** Those of the file go before those of the store that have taken their id since. */
const merged = (file: readonly Budget[], stored: readonly Budget[]): readonly Budget[] => {
  const ids = new Set(file.map(({ id }) => id));
  return [...file, ...stored.filter(({ id }) => !ids.has(id))];
};

/** @throws what the disk and the store do */
export const startGovernance = async (options: GovernanceOptions): Promise<Governance> => {
  const { dataDir, worker, workers, live, store, log } = options;
  mkdirSync(dataDir, { recursive: true });
  const inForce = (control: Control | null): readonly Budget[] => {
    const { budgets, userName } = live.runtime();
    const stored = withWrittenUsers(control?.directory.inForce() ?? [], userName);
    return merged(budgets, stored).map((budget) => shareOfBudget(budget, worker, workers));
  };
  const admission = new Admission({
    budgets: inForce(null),
    maxAccounts: live.runtime().config.admission.accounts,
    store,
    log,
    path: join(spoolOf(dataDir, worker), 'budgets.sqlite'),
  });
  const states = (budgetId: string): readonly AccountState[] => admission.states(budgetId);
  const taken = (kind: RecordKind, id: string): boolean => {
    const { budgets, keys } = live.runtime().config;
    return kind === 'budget'
      ? budgets.some((budget) => budget.id === id)
      : keys.some(({ caller }) => caller.keyId === id);
  };
  let control: Control | null = null;
  const adopt = (): void => admission.adopt(inForce(control));
  const hashKey = hashKeyIn(dataDir);
  control = await Control.start({
    store: await openStore(sqliteDialect(join(dataDir, 'control.sqlite'))),
    hashKey,
    taken,
    states,
    onChange: adopt,
    onError: (message) => log.error({ component: 'control' }, message),
  });
  adopt();
  live.follow(adopt);
  return { admission, control, states, close: () => control.close() };
};
