import { readdirSync, statSync } from 'node:fs';
import { callColumns, columnsOf } from '../../contract/ledger.ts';
import { noCall, parseEntry, type EntryKind, type StoredEntry } from '../../edge/ledger/entry.ts';
import { parseIntent } from '../../edge/ledger/intent.ts';
import { bytesOf, readLines, segmentFiles } from '../../edge/ledger/files.ts';
import { otherSpools, spoolOf } from '../../edge/ledger/spools.ts';
import { located } from '../located.ts';
import { command } from '../command.ts';
import { fail, reasonOf, say } from '../say.ts';

const kinds: Readonly<Record<EntryKind, string>> = {
  h: 'head',
  m: 'mark',
  i: 'intent',
  s: 'sent',
  a: 'further_attempt',
  p: 'progress',
  c: 'row',
};

/** What an entry holds; an intent and a row by the names of their values. */
const contentOf = ({ kind, json }: StoredEntry): unknown => {
  if (kind === 'i') return parseIntent(json.toString());
  const value: unknown = JSON.parse(json.toString());
  if (kind !== 'c' || !Array.isArray(value)) return value;
  const columns = columnsOf(value.length) ?? callColumns;
  return Object.fromEntries(value.map((one: unknown, i) => [columns[i] ?? String(i), one]));
};

const dumpFile = async (path: string): Promise<void> => {
  let number = 0;
  for await (const { lines, whole } of readLines(path))
    for (const line of lines) {
      number += 1;
      const entry = parseEntry(line.bytes, line.from, line.to);
      const at = { file: path, line: number };
      say(
        JSON.stringify(
          entry === null
            ? {
                ...at,
                kind: whole ? 'damaged' : 'cut_short',
                text: bytesOf(line).toString('latin1'),
              }
            : {
                ...at,
                kind: kinds[entry.kind],
                ...(entry.callId === noCall ? {} : { call_id: entry.callId }),
                ...(entry.kind === 'c' ? { seq: entry.seq } : {}),
                content: contentOf(entry),
              },
        ),
      );
    }
};

/** Where a gateway keeps its spools in its data directory, those of all its workers; else the folder itself. */
const spoolsIn = (path: string): readonly string[] =>
  readdirSync(path).includes('ledger')
    ? [1, ...otherSpools(path, 1)].map((worker) => spoolOf(path, worker))
    : [path];

/** `tollgate ledger dump PATH`: reads, changes nothing; also while a gateway writes there. */
export const dump = command({
  args: {
    path: {
      type: 'positional',
      required: true,
      description: 'A segment (*.seg), a folder of them, or the data directory of a gateway',
    },
  },
  run: async ({ args: { path } }) => {
    try {
      const at = located(path);
      const files = statSync(at).isDirectory()
        ? spoolsIn(at).flatMap((dir) => segmentFiles(dir).map((file) => file.path))
        : [at];
      for (const file of files) await dumpFile(file);
    } catch (error) {
      fail(`cannot read ${path}: ${reasonOf(error)}`, false);
    }
  },
});
