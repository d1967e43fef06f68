import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { processVariables } from '../../edge/config/environment.ts';
import { exportFocus, type FocusTotals } from '../../edge/ledger/focus.ts';
import {
  isExportFormat,
  maxExportDays,
  problemOfDays,
  type Days,
} from '../../edge/ledger/focus-days.ts';
import { command } from '../command.ts';
import { fail, misuse, reasonOf } from '../say.ts';
import { ledgerAddress } from './address.ts';

const note = (text: string): void => {
  process.stderr.write(`tollgate: ${text}\n`);
};
const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** Says how far it is, so that nobody takes a long export for one that hangs. */
const sayProgress = (everyMs: number) => {
  const startedMs = performance.now();
  let bytes = 0;
  const seconds = () => Math.round((performance.now() - startedMs) / 1000);
  const timer = setInterval(
    () => note(`${seconds()} s, ${bytes === 0 ? 'ClickHouse is reading' : mebibytes(bytes)}`),
    everyMs,
  );
  return {
    add: (more: number) => {
      bytes += more;
    },
    bytes: () => bytes,
    stop: () => clearInterval(timer),
  };
};
const progressEveryMs = 2000;

const totalsProblem = ({ focusUsd, ledgerUsd }: FocusTotals): string | null =>
  focusUsd === ledgerUsd
    ? null
    : `the lines come to $${focusUsd} and the ledger to $${ledgerUsd} for these days: rows arrived meanwhile; export again`;

/** Writes into a file beside the one asked for, which takes its place when all of it is there and right. */
const intoFile = async (file: string, write: (to: Writable) => Promise<void>): Promise<void> => {
  const draft = `${file}.${process.pid}.part`;
  try {
    await write(createWriteStream(draft));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
};

const run = async (days: Days, format: 'csv' | 'parquet', out: string | null): Promise<void> => {
  const env = processVariables();
  const progress = sayProgress(progressEveryMs);
  const write = async (to: Writable): Promise<void> => {
    const totals = await exportFocus({
      ...ledgerAddress(),
      days,
      format,
      to,
      onBytes: progress.add,
    });
    const problem = totalsProblem(totals);
    if (problem !== null) throw new Error(problem);
    note(
      `${totals.lines} lines, ${mebibytes(progress.bytes())}, $${totals.focusUsd}, which is what the ledger has for these days`,
    );
  };
  try {
    // npm moves to the package's folder and keeps where the user was.
    if (out === null) await write(process.stdout);
    else await intoFile(resolve(env['INIT_CWD'] ?? process.cwd(), out), write);
  } catch (error) {
    const said = reasonOf(error);
    const hint = /memory limit|TIMEOUT_EXCEEDED/i.test(said)
      ? ' Ask for fewer days at once, or for csv, which is read day by day.'
      : '';
    fail(`${said}${hint}`, false);
  } finally {
    progress.stop();
  }
};

/** `tollgate ledger export --focus --from DAY --to DAY`: exit code 1 when not all of it is there, 2 when it was called wrongly. */
export const exportLedger = command({
  args: {
    focus: { type: 'boolean', description: 'In the columns of FOCUS 1.2, the only ones there are' },
    from: { type: 'string', required: true, description: 'First day, UTC: 2026-10-01' },
    to: { type: 'string', required: true, description: `Last day, at most ${maxExportDays} days` },
    format: { type: 'string', default: 'parquet', description: 'parquet or csv' },
    out: { type: 'string', description: 'File to write. Default: standard output' },
  },
  run: async ({ args: { focus, from, to, format, out } }) => {
    const days = { from, to };
    const problem = problemOfDays(days);
    if (focus !== true) return misuse('say in which columns: --focus');
    if (problem !== null) return misuse(problem);
    if (!isExportFormat(format)) return misuse(`--format is parquet or csv, not '${format}'`);
    if (out === undefined && format === 'parquet' && process.stdout.isTTY)
      return misuse('parquet is nothing for a terminal: name a file with --out');
    return run(days, format, out ?? null);
  },
});
