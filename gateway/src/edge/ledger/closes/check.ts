/** A closed month, looked at without the ledger: its files and a public key are enough. And held against the ledger, where there is one. */
import { createHash, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { readText } from '@tollgate/settings/edge/read.ts';
import {
  hourDifferences,
  largestCloseBytes,
  readClose,
  sumDifferences,
  type HourDifference,
  type MonthClose,
} from '../../../decide/month-close.ts';
import { MonthSummer, type MonthSums } from '../../../decide/month-sums.ts';
import { amountOf, usdText } from '../../../model/money.ts';
import { verifiedText } from '../../../prices/signed.ts';
import { closeFile, fileSum, focusFile, rowsFile } from './files.ts';
import { monthRows } from './month-rows.ts';

export type CloseFinding =
  /** The signed file, or one that it names, cannot be read or is not what was signed. */
  | { readonly kind: 'file'; readonly name: string; readonly problem: string }
  /** The months before do not lead to this one. */
  | { readonly kind: 'before'; readonly problem: string }
  /** Sums that are not those of the rows. */
  | { readonly kind: 'sums'; readonly of: 'rows' | 'focus' | 'ledger'; readonly names: string }
  | ({ readonly of: 'rows' | 'ledger' } & HourDifference);

export interface CheckedClose {
  /** Null: it cannot be trusted, and nothing else was looked at. */
  readonly close: MonthClose | null;
  readonly sha256: string;
  readonly findings: readonly CloseFinding[];
}

/** The signed file of a closed month, if one of these keys signed it. */
const readSignedClose = async (
  folder: string,
  keys: readonly KeyObject[],
): Promise<CheckedClose> => {
  const bad = (problem: string): CheckedClose => ({
    close: null,
    sha256: '',
    findings: [{ kind: 'file', name: closeFile, problem }],
  });
  const read = await readText(join(folder, closeFile), largestCloseBytes);
  if (read.kind !== 'text') return bad(`cannot be read: ${read.reason}`);
  const verified = verifiedText(read.text, keys);
  if ('problem' in verified)
    return bad('is cut off, not signed, changed after it was signed, or signed with another key');
  const parsed = readClose(verified.text);
  if (parsed.kind === 'bad') return bad('is signed, and not the close of a month as we know it');
  const sha256 = createHash('sha256').update(read.text).digest('hex');
  return { close: parsed.close, sha256, findings: [] };
};

const changedFiles = async (
  folder: string,
  close: MonthClose,
): Promise<readonly CloseFinding[]> => {
  const findings: CloseFinding[] = [];
  for (const { name, bytes, sha256 } of close.files)
    try {
      const found = await fileSum(folder, name);
      if (found.bytes !== bytes || found.sha256 !== sha256)
        findings.push({ kind: 'file', name, problem: 'is not the one that was signed' });
    } catch (error) {
      const problem = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      findings.push({ kind: 'file', name, problem });
    }
  return findings;
};

/** @throws Error for what are no rows */
const sumsOfFile = async (path: string, onRow: () => void): Promise<MonthSums> => {
  const summer = new MonthSummer();
  const input = createReadStream(path).pipe(createGunzip());
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const values: unknown = JSON.parse(line);
    if (!Array.isArray(values)) throw new Error('a line is no row');
    summer.row(line, values);
    onRow();
  }
  return summer.end();
};

/** @throws Error for what is no FOCUS in CSV */
const focusCost = async (path: string): Promise<string> => {
  let cost = 0n;
  const lines: AsyncIterable<Record<string, string>> = createReadStream(path).pipe(
    parse({ columns: true }),
  );
  for await (const { BilledCost = '' } of lines)
    cost += amountOf(BilledCost, 'a line of FOCUS has');
  return usdText(cost);
};

const compared = (
  of: 'rows' | 'ledger',
  close: MonthClose,
  sums: MonthSums,
): readonly CloseFinding[] => {
  const hours = hourDifferences(close.hours, sums.hours);
  if (hours.length > 0) return hours.map((hour) => ({ of, ...hour }));
  const names = sumDifferences(close, sums);
  return names.length === 0 ? [] : [{ kind: 'sums', of, names: names.join(', ') }];
};

/**
 * Looks at the folder of a closed month: signature, files, the sums and hashes of its rows, and the cost of its FOCUS lines.
 * @param before the folder of the month before; null: it is not looked at
 * @throws Error when a file that was signed cannot be understood
 */
export const checkClose = async (options: {
  readonly folder: string;
  readonly keys: readonly KeyObject[];
  readonly before: string | null;
  onRow(): void;
}): Promise<CheckedClose> => {
  const { folder, keys, before, onRow } = options;
  const read = await readSignedClose(folder, keys);
  const { close, sha256 } = read;
  if (close === null) return read;
  const findings: CloseFinding[] = [...(await changedFiles(folder, close))];
  // A file that is not the signed one is not read: anybody may have written it.
  const isSigned = (name: string): boolean =>
    close.files.some((file) => file.name === name) &&
    !findings.some((finding) => finding.kind === 'file' && finding.name === name);
  if (isSigned(rowsFile))
    findings.push(...compared('rows', close, await sumsOfFile(join(folder, rowsFile), onRow)));
  if (isSigned(focusFile) && (await focusCost(join(folder, focusFile))) !== close.costUsd)
    findings.push({ kind: 'sums', of: 'focus', names: 'costUsd' });
  if (before !== null) {
    const earlier = await readSignedClose(before, keys);
    if (earlier.close === null)
      findings.push({ kind: 'before', problem: 'the close before is not one that a key signed' });
    else if (close.before?.sha256 !== earlier.sha256)
      findings.push({
        kind: 'before',
        problem: `it says that ${close.before?.month ?? 'no month'} came before, and this is another close, of ${earlier.close.month}`,
      });
  }
  return { close, sha256, findings };
};

/** Holds a closed month against the rows that the ledger has now. @throws what the client does */
export const checkLedger = async (
  client: Client,
  close: MonthClose,
  onRow: () => void,
): Promise<readonly CloseFinding[]> => {
  const summer = new MonthSummer();
  for await (const { lasting, values } of monthRows(client, close.month)) {
    summer.row(lasting, values);
    onRow();
  }
  return compared('ledger', close, summer.end());
};
