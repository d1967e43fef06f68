/** Append-only files of JSON lines, and reading them back. */
import { createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Asked, Journaled } from './evidence.ts';
import type { Span } from './judge.ts';

const writeEveryMs = 200;

export interface LogFile {
  add(line: object): void;
  /** Writes what is left. */
  end(): void;
}

/** Lines are in the file some hundred milliseconds later, or at the end: who writes them is not killed. */
export const logFile = (path: string): LogFile => {
  const fd = openSync(path, 'a');
  let waiting = '';
  const write = (): void => {
    if (waiting !== '') writeSync(fd, waiting);
    waiting = '';
  };
  const timer = setInterval(write, writeEveryMs);
  return {
    add: (line) => void (waiting += `${JSON.stringify(line)}\n`),
    end() {
      clearInterval(timer);
      write();
    },
  };
};

const linesOf = (path: string) => createInterface({ input: createReadStream(path) });

// Their writers are typed, in this folder.
// oxlint-disable typescript/no-unsafe-type-assertion
/** Hands over the lines of the clients' log. @throws SyntaxError for a line that is none */
export const readAsked = async (path: string, take: (line: Asked) => void): Promise<void> => {
  for await (const line of linesOf(path)) take(JSON.parse(line) as Asked);
};

/** Hands over the lines of the providers' journal. @throws SyntaxError for a line that is none */
export const readJournal = async (path: string, take: (line: Journaled) => void): Promise<void> => {
  for await (const line of linesOf(path)) take(JSON.parse(line) as Journaled);
};

/** Hands over when the gateway was asked for a sign of life and gave one. @throws SyntaxError for a line that is none */
export const readSigns = async (path: string, take: (line: Span) => void): Promise<void> => {
  for await (const line of linesOf(path)) take(JSON.parse(line) as Span);
};
// oxlint-enable typescript/no-unsafe-type-assertion
